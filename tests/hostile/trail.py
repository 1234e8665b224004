"""A trail with a halt in it, for those who do harm to copies of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from killswitch_console.audit.bundle import write_bundle
from killswitch_console.audit.reading import Selection
from killswitch_console.audit.volumes import TrailDirectory
from trails import drafts, trail_of, verifier_of

EVENTS = 12
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@cache
def pristine() -> TrailDirectory:
    """A trail with a halt in it, made once."""
    directory = TrailDirectory(Path(mkdtemp(prefix="hostile-trail-")) / "audit")

    async def fill() -> None:
        async with trail_of(directory) as (trail, session):
            halt = [
                session.draft(kind, {"scope": "agent:a", "environment": "test", "slo_ms": 1}, halt_id="H1")
                for kind in ("halt.confirmed", "halt.ended")
            ]
            await trail.append([*halt, *drafts(session, EVENTS - 3)], keep=True)

    asyncio.run(fill())
    return directory


def volume_of(directory: TrailDirectory) -> Path:
    path = directory.current()
    assert path is not None
    return path


@cache
def zipped() -> bytes:
    """A bundle of its halt."""
    out = pristine().path.parent / "bundle.zip"
    write_bundle(pristine(), Selection(halt="H1"), verifier_of(pristine()), out)
    return out.read_bytes()
