"""What the console writes to: ledger, trail, disk; and what it remembers of drills and restores."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from killswitch_backends.checking import Finding, Standing
from killswitch_console.audit.assembling import trail_directory
from killswitch_console.config import Configuration
from killswitch_console.halting.engine import Engine
from killswitch_console.halting.ledger import LedgerError
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.recording import RecordingNeeded
from killswitch_console.halting.verdict import Verdict

LEAST_FREE = 256 * 1024 * 1024
DRILL_DAYS = 90
_DRILL_LOGS = ("*.jsonl", "*/log.jsonl", "*/*.jsonl")


async def memory(settled: Configuration, engine: Engine, now: datetime) -> tuple[Finding, ...]:
    """The findings on ledger, trail, disk, drills and restores."""
    found = [await _trail(settled, engine), *await asyncio.to_thread(lambda: list(_disk(settled.state_dir)))]
    if engine.ledger is None:
        what = f"cannot be used in {settled.state_dir}: a halt would go on without it, a restore would not"
        return (*found, Finding("ledger", Standing.PROBLEM, what))
    try:
        records = await engine.records()
    except LedgerError as error:
        return (*found, Finding("ledger", Standing.PROBLEM, str(error)))
    return (*found, *_ledger(records), *_practice(settled, records, now))


async def _trail(settled: Configuration, engine: Engine) -> Finding:
    """Try to write to the trail: that a check ran is worth an event."""
    try:
        await engine.recorder.require("check.ran", {"environment": settled.document.environment})
    except RecordingNeeded as error:
        return Finding("trail", Standing.PROBLEM, f"cannot be written: {error}", f"look at {trail_directory(settled)}")
    return Finding("trail", Standing.OK, "is written to")


def _disk(state_dir: Path) -> Iterator[Finding]:
    try:
        space = os.statvfs(state_dir)
    except OSError as error:
        yield Finding("disk", Standing.PROBLEM, f"{state_dir}: {error.strerror or error}")
        return
    free = space.f_bavail * space.f_frsize
    low = free < LEAST_FREE
    yield Finding("disk", Standing.PROBLEM if low else Standing.OK, f"{free // 2**20} MiB are free for the state")


def _ledger(records: Sequence[HaltRecord]) -> Iterator[Finding]:
    open_ones = [r.header.halt_id for r in records if r.ended_at is None]
    if open_ones:
        what = f"{len(open_ones)} halts were cut short: {', '.join(open_ones[:3])}"
        yield Finding("ledger", Standing.WARNING, what, "resume HALT")
    held = sum(record.held for record in records)
    yield Finding("ledger", Standing.OK, f"is written to; {len(records)} halts are known, {held} are held")


def _practice(settled: Configuration, records: Sequence[HaltRecord], now: datetime) -> Iterator[Finding]:
    drilled = [r.header.invoked_at.timestamp() for r in records if r.header.drill] + _drill_times(settled.state_dir)
    yield _recency("drill", "the last drill", drilled, now)
    restored = [r for r in records if r.restored_at is not None and r.verdict is Verdict.RESTORED]
    yield _recency("restore", "the last whole restore", [_at(r) for r in restored], now)
    for table in settled.backends:
        name = f"{table.kind.kind}:{table.name}"
        times = [_at(r) for r in restored if any(str(ref) == name for ref in r.backends())]
        yield _recency(name, "the last whole restore", times, now)
    for kind in ("agent", "tenant", "class", "global"):
        times = [_at(r) for r in restored if r.header.scope.kind == kind]
        yield _recency("restore", f"the last whole restore of scope {kind}", times, now)


def _recency(subject: str, what: str, times: Sequence[float], now: datetime) -> Finding:
    if not times:
        return Finding(subject, Standing.WARNING, f"{what}: never, as far as this bastion knows")
    days = int((now.timestamp() - max(times)) // 86400)
    return Finding(subject, Standing.WARNING if days >= DRILL_DAYS else Standing.OK, f"{what} was {days} days ago")


def _at(record: HaltRecord) -> float:
    return record.restored_at.timestamp() if record.restored_at else 0.0


def _drill_times(state_dir: Path) -> list[float]:
    """When drills wrote their logs last."""
    folder = state_dir / "drills"
    return [path.stat().st_mtime for pattern in _DRILL_LOGS for path in folder.glob(pattern)]
