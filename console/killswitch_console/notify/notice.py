"""What is told, in words that hold no secret and nothing hostile, and the seam to whoever carries it out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from killswitch_console.halting.recording import Recorder
from killswitch_console.hostile import clean


class NoticeKind(StrEnum):
    """Why people are told."""

    INVOCATION = "invocation"
    RESTORE = "restore"
    BREAK_GLASS = "break-glass"
    MISUSE = "misuse"
    REVIVAL = "revival"
    SLO_BREACH = "slo-breach"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message: a title of a line, and some lines."""

    kind: NoticeKind
    title: str
    lines: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The body, safe for any terminal, chat or pager; never empty, for apprise sends nothing then."""
        return "\n".join(clean(line, most=500) for line in self.lines) or self.subject

    @property
    def subject(self) -> str:
        """The title, on one safe line."""
        return clean(self.title, most=200)


class Notifier(Protocol):
    """Whoever tells people. Called in the engine's loop only."""

    def tell(self, notice: Notice) -> None:
        """Tell soon; never waits, never raises."""

    async def push(self, notice: Notice, *, within: float) -> bool:
        """Tell now, waiting ``within`` seconds at most (it goes on after them); whether all were reached."""


class Silent:
    """Tells nobody: no ``[notify]`` is configured."""

    def tell(self, notice: Notice) -> None:
        """Tell nobody."""

    async def push(self, notice: Notice, *, within: float) -> bool:
        """Tell nobody."""
        del notice, within
        return False


SILENT: Final[Notifier] = Silent()

NotifierOpener = Callable[[Recorder, Callable[[str], None]], AbstractAsyncContextManager[Notifier]]
"""Opens a notifier for one engine, given where failures are recorded and a way to warn who watches. Never raises."""


@asynccontextmanager
async def silent(_: Recorder, __: Callable[[str], None]) -> AsyncIterator[Notifier]:
    """Open a notifier that tells nobody."""
    yield SILENT
