"""The volume of the trail that is written now: found or made, signed, followed by another when it is full, let go.

Knows nothing of what waits to be written, and nothing of where it falls when this fails (``recorder.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from killswitch_console.audit.maintaining import rotate
from killswitch_console.audit.notes import Signer
from killswitch_console.audit.session import Session
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.trail import Trail, open_trail
from killswitch_console.audit.volumes import TrailDirectory


class CurrentVolume:
    """The open volume of one session, if it is open."""

    def __init__(
        self,
        directory: TrailDirectory,
        session: Session,
        signing_secret: Callable[[], Awaitable[str | None]],
        *,
        tell: Callable[[str], None],
        rotate_events: int,
    ) -> None:
        self.trail: Trail | None = None
        self._directory = directory
        self._session = session
        self._signing_secret = signing_secret
        self._tell = tell
        self._rotate_events = rotate_events
        self._lost: Mapping[str, Any] | None = None
        """How far the one before was, until it is known not to be lost."""

    async def open(self) -> Trail:
        """Open the newest volume, or begin one. Raises ``TrailUnavailable``."""
        signer = await self._signer()
        path = await asyncio.to_thread(self._directory.ready, self._session.draft, signer, self._lost)
        self.trail = await open_trail(path, signer)
        self._lost = None
        if signer is not None and self.trail.size_when_opened >= self._rotate_events:
            return await self._rotate(signer)
        return self.trail

    async def _rotate(self, signer: Signer) -> Trail:
        """Begin a new volume, unless another console just did."""
        await self.let_go()
        try:
            path = await rotate(self._directory, self._session, signer)
        except TrailUnavailable:
            path = await asyncio.to_thread(self._directory.ready, self._session.draft, signer)
        self.trail = await open_trail(path, signer)
        return self.trail

    async def _signer(self) -> Signer | None:
        try:
            return await asyncio.to_thread(self._directory.signer, await self._signing_secret())
        except TrailUnavailable as error:
            self._tell(f"the audit trail will not be signed: {error}")
            return None

    async def let_go(self) -> None:
        """Close it; remember how far it was, should it turn out to be gone."""
        trail, self.trail = self.trail, None
        if trail is None:
            return
        if trail.written is not None:
            seq, leaf = trail.written
            self._lost = {"after": seq, "leaf": leaf.hex()}
        await trail.close()
