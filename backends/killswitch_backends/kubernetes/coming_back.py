"""An API server that was away refuses everybody for a moment: it has not loaded yet who may do what.

Such a "forbidden" is no word about rights, and a halt that took it for one gave up targets it may well stop. What is
asked meanwhile is to be asked again; what an admission webhook refuses stays refused.
"""

from __future__ import annotations

import asyncio
from typing import Final

from killswitch_backends.kubernetes.failures import Answer, Forbidden, problem_of
from killswitch_backends.problems import Problem, Unauthenticated, Unreachable

LOADING_SECONDS: Final = 60.0
"""How long after it last gave no answer its word about rights does not count; on a loaded machine it took 10 s."""


_NOBODY_BEHIND: Final = (502, 503)
"""What a load balancer, or a server that is not ready, answers."""


class ComingBack:
    """Whether one API server was away lately. Lives in one event loop."""

    def __init__(self) -> None:
        self._away = float("-inf")

    def away(self) -> None:
        """A request got no answer just now. A watch that breaks is no sign: whatever is in between may cut it."""
        self._away = asyncio.get_running_loop().time()

    def problem_of(self, where: str, answer: Answer) -> Problem:
        """The problem that an answer stands for: ``Unreachable`` for a missing right while the server comes back."""
        problem = problem_of(where, answer)
        if answer.status in _NOBODY_BEHIND:
            self.away()
        elif isinstance(problem, Forbidden | Unauthenticated) and self._lately:
            return Unreachable(where, f"was away and may not have loaded yet who may do what: {problem.what}")
        return problem

    @property
    def _lately(self) -> bool:
        return asyncio.get_running_loop().time() - self._away < LOADING_SECONDS
