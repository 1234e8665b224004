"""What the console writes to: ledger, trail, disk; and what it remembers of drills and restores."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from killswitch_backends.checking import Finding, Standing
from killswitch_console.audit.assembling import trail_directory
from killswitch_console.audit.reading import open_volume
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.checking.concern import Concern, Inquiry
from killswitch_console.config import Configuration
from killswitch_console.drills.cadence import cadence
from killswitch_console.drills.homes import drills_home
from killswitch_console.halting.engine import Engine
from killswitch_console.halting.ledger import LedgerError
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.recording import RecordingNeeded
from killswitch_console.halting.verdict import Verdict

LEAST_FREE = 256 * 1024 * 1024
DRILL_DAYS = 90
MOST_ALONE = 100
"""Events that may wait to be copied off this machine, between two rounds of an open console or of cron."""


async def memory(inquiry: Inquiry) -> tuple[Finding, ...]:
    """The findings on ledger, trail, disk, drills and restores."""
    settled, engine, now = inquiry.settled, inquiry.engine, inquiry.now
    lag = await asyncio.to_thread(_lag, settled)
    found = [await _trail(settled, engine), lag, *await asyncio.to_thread(lambda: list(_disk(settled.state_dir)))]
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


def _lag(settled: Configuration) -> Finding:
    """How much of the trail is on this machine only."""
    if settled.document.audit.s3 is None:
        what = "it is on this machine only: whoever owns the machine can remove it"
        return Finding("trail", Standing.WARNING, what, "[audit.s3]")
    alone, problems = 0, set[str]()
    try:
        for path in trail_directory(settled).volumes():
            with open_volume(path) as volume:
                cursor = volume.cursor("s3")
                alone += volume.head().size - (cursor[0] - 1 if cursor else 0)
                problems |= {str(cursor[2])} if cursor and cursor[2] else set()
    except TrailUnavailable as error:
        return Finding("trail", Standing.PROBLEM, f"cannot be read: {error}")
    if problems:
        return Finding("trail", Standing.PROBLEM, f"cannot be copied off this machine: {'; '.join(sorted(problems))}")
    late = alone > MOST_ALONE
    what = f"{alone} events are on this machine only"
    return Finding("trail", Standing.WARNING if late else Standing.OK, what, "audit sync" if late else "")


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
    every = timedelta(days=settled.document.drill.due_days)
    for drilled in cadence(drills_home(), now, every=every):
        yield Finding("drill", Standing.WARNING if drilled.due else Standing.OK, str(drilled), "drill run")
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


CONCERN = Concern(name="memory", order=60, look=memory)
