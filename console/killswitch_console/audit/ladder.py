"""Where events go that the trail cannot take now: spool, machine log, remote, memory and screen (trust.md 2.4).

Each rung has its own short budget; together with the trail's they stay within what a halt may wait. What fell is also
kept in memory until the trail has it, so that the gap is replayed as soon as it can be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from killswitch_backends.problems import Problem
from killswitch_console.audit.events import Draft
from killswitch_console.audit.journal import DEFAULT_SOCKET, send_to_journal
from killswitch_console.audit.spool import Spool, SpoolError
from killswitch_console.halting.recording import Warn

SPOOL_SECONDS: Final = 0.06
"""Longest wait for the spool. Its write goes on in its thread and may still succeed."""

REMOTE_SECONDS: Final = 5.0

Direct = Callable[[Sequence[Draft]], Awaitable[None]]
"""Sends events to the remote sinks, past the trail. Raises ``Problem``."""


class Rung(StrEnum):
    """What holds an event that the trail does not."""

    SPOOL = "spool"
    JOURNAL = "journal"
    MEMORY = "memory"


@dataclass(slots=True)
class Ladder:
    """The rungs below the trail."""

    spool: Spool
    direct: Direct | None = None
    journal_socket: str = DEFAULT_SOCKET
    warn: Warn = lambda _: None
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    async def take(self, drafts: Sequence[Draft]) -> Rung:
        """Put events on the best rung that takes them, within ``SPOOL_SECONDS``; never raises."""
        adding = asyncio.create_task(asyncio.to_thread(self._add, drafts), name="audit spool")
        done, _ = await asyncio.wait({adding}, timeout=SPOOL_SECONDS)
        if done and adding.result():
            return Rung.SPOOL
        self._send(drafts)
        return Rung.JOURNAL if self._journal(drafts) else Rung.MEMORY

    def _add(self, drafts: Sequence[Draft]) -> bool:
        try:
            self.spool.add(drafts)
        except SpoolError:
            return False
        return True

    def _journal(self, drafts: Sequence[Draft]) -> bool:
        try:
            for draft in drafts:
                send_to_journal(draft, self.journal_socket)
        except OSError:
            return False
        return True

    def _send(self, drafts: Sequence[Draft]) -> None:
        """Send them to the remote sinks, in the background: a halt does not wait for a network."""
        if self.direct is None:
            return
        task = asyncio.create_task(self._sent(self.direct, drafts), name="audit events sent directly")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _sent(self, direct: Direct, drafts: Sequence[Draft]) -> None:
        try:
            async with asyncio.timeout(REMOTE_SECONDS):
                await direct(drafts)
        except (Problem, TimeoutError):  # the memory keeps them and the screen has said so; synchronising meets it, too
            return
        except Exception as defect:  # noqa: BLE001  (a defect here must not end the recording of what follows)
            self.warn(f"internal error, events that the trail did not take were not sent off this machine: {defect!r}")

    async def settle(self) -> None:
        """Wait for what is being sent."""
        if self._sending:
            await asyncio.wait(set(self._sending))
