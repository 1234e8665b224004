"""Whether a platform answers: since when a request of ours is out without any answer at all.

Time that this process spends by itself (loading an SDK, waiting for a budget's turn, a busy machine) is no silence of
the platform's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Hearing:
    """One connection's requests and answers. Any thread may use it; times are ``time.monotonic``'s, as loops have."""

    asked_at: float | None = None
    """When the first request was sent since the last answer; None: all were answered, or none was sent."""

    @contextmanager
    def request(self) -> Iterator[None]:
        """One request is out; leave without an exception once it was answered, a refusal included."""
        if self.asked_at is None:
            self.asked_at = time.monotonic()
        yield
        self.asked_at = None
