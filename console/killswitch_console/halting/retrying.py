"""The one policy for trying again: how long to wait after which problem. Pure; backends never retry a change."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from killswitch_backends.problems import Changed, Problem, Refused, Throttled, Unsupported

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 5.0


def is_final(problem: Problem) -> bool:
    """Whether trying again is pointless."""
    return isinstance(problem, Refused | Unsupported)


@dataclass(slots=True)
class Backoff:
    """Waiting times for one target: doubling with jitter, or what the platform asks for."""

    draw: Callable[[float, float], float] = random.uniform
    """A number between two; thousands of targets share one generator: making one asks the system for 2.5 kB."""
    failures: int = 0

    def wait(self, problem: Problem) -> float:
        """Seconds to wait before the next attempt."""
        if isinstance(problem, Changed):
            return 0.0 if self._count() < 5 else FIRST_SECONDS
        if isinstance(problem, Throttled) and problem.retry_after is not None:
            self._count()
            return problem.retry_after * self.draw(1.0, 1.2)
        longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(self._count(), 10))
        return longest * self.draw(0.5, 1.0)

    def _count(self) -> int:
        self.failures += 1
        return self.failures - 1
