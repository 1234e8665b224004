"""Synchronising while a console is open, in a thread and loop of its own: neither disk nor network may touch a halt."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from killswitch_console.audit.settings import Audit
from killswitch_console.audit.syncing import Resolve, Synchronised, keep_synchronised, open_sinks
from killswitch_console.audit.volumes import TrailDirectory

CLOSE_SECONDS: Final = 3.0
"""How long the last round may take when a console closes; what is left goes with the next one, or with cron."""


class SyncThread:
    """Synchronises until closed. Nothing it meets can reach the engine but a line of text."""

    def __init__(
        self,
        directory: TrailDirectory,
        audit: Audit,
        base: Path,
        resolve: Resolve,
        tell: Callable[[Synchronised], None],
    ) -> None:
        """Prepare it; ``tell`` is called in its thread."""
        self._directory = directory
        self._audit = audit
        self._base = base
        self._resolve = resolve
        self._tell = tell
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hurry: asyncio.Event | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._main, name="audit synchronisation", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def hurry(self) -> None:
        """Do not wait for the next round: something happened that should be off the box."""
        if self._loop is not None and self._hurry is not None:
            try:
                self._loop.call_soon_threadsafe(self._hurry.set)
            except RuntimeError:  # it has ended
                return

    def close(self) -> None:
        """One more round, then end; blocks for ``CLOSE_SECONDS`` at most."""
        self._closing.set()
        self.hurry()
        self._thread.join(CLOSE_SECONDS)

    def _main(self) -> None:
        try:
            asyncio.run(self._live())
        except Exception as error:  # noqa: BLE001  (told; the trail itself is not touched by this)
            self._tell(Synchronised(problems=[f"internal error: {error!r}"]))

    async def _live(self) -> None:
        self._loop, self._hurry = asyncio.get_running_loop(), asyncio.Event()
        async with open_sinks(self._audit, self._base, self._resolve) as sinks:
            await keep_synchronised(self._directory, sinks, self._tell, self._hurry, self._closing)
