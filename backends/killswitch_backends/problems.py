"""What can go wrong on a platform, as types that carry what a person and the engine need.

The engine decides by type (retry, read back, give up); a person reads ``str(problem)``, one line without secrets.
Platform text inside it is hostile: whoever shows or stores it cleans it first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from killswitch_backends.protocol import FieldChange


class Problem(Exception):
    """A platform operation that gave no good answer.

    Args:
        where: what it happened to, e.g. ``kubernetes:prod`` or a target id.
        what: what happened, in words.
        todo: what the person can do next, if anything is known.
    """

    def __init__(self, where: str, what: str, *, todo: str = "") -> None:
        super().__init__(where, what, todo)
        self.where, self.what, self.todo = where, what, todo

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.todo})" if self.todo else "")


class Unreachable(Problem):
    """No answer, or a broken one: refused, reset, timed out, 5xx. A change may or may not have been applied."""


LONGEST_WAIT = 60.0


class Throttled(Problem):
    """The platform asks us to slow down (429, TooManyRequests); nothing was applied."""

    def __init__(self, where: str, what: str, *, retry_after: float | None = None) -> None:
        super().__init__(where, what)
        self.retry_after = None if retry_after is None else min(max(retry_after, 0.0), LONGEST_WAIT)
        """Seconds the platform asks to wait, if it says; no platform has a halt wait for longer than a minute."""


class Changed(Problem):
    """The target is no longer what was captured: capture again, then try again. Nothing was applied."""


class Refused(Problem):
    """The platform understood and said no for good: missing right, admission webhook, invalid request."""


class Unauthenticated(Refused):
    """The credentials are absent, expired or wrong."""


class Blocked(Refused):
    """The platform demands an approval before it makes this change."""


class Gone(Problem):
    """The target does not exist (any more)."""


class Unsupported(Problem):
    """The mechanism does not exist for this kind of target; ``todo`` says what to do instead."""


class Conflict(Problem):
    """A restore met fields that changed since the halt; nothing was changed."""

    def __init__(self, where: str, changes: Sequence[FieldChange]) -> None:
        what = "changed since the halt: " + ", ".join(
            f"{c.field} is {c.found!r}, the halt left {c.expected!r}" for c in changes
        )
        super().__init__(where, what, todo="compare, then set it by hand or halt anew")
        self.changes = tuple(changes)
