"""The audit trail: a million events verified and exported, each in a process of its own; one event made durable."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Row
from killswitch_console.audit.events import Draft
from killswitch_console.audit.session import Session
from killswitch_console.audit.volumes import TrailDirectory
from trails import trail_of

EVENTS = 1_000_000
BATCH = 20_000
SINGLE = 300

CHILD = """
import json, resource, sys, time
from pathlib import Path
from killswitch_console.audit.reading import Selection, selected
from killswitch_console.audit.tables import write_jsonl
from killswitch_console.audit.verifying import verify_directory
from killswitch_console.audit.notes import Verifier
from killswitch_console.audit.volumes import TrailDirectory

directory = TrailDirectory(Path(sys.argv[2]))
began = time.perf_counter()
if sys.argv[1] == "verify":
    reports = verify_directory(directory, Verifier.parse(directory.verifier_file.read_text()), {})
    assert not reports[0].findings, reports[0].findings
    count = reports[0].size
else:
    with open("/dev/null", "w") as out:
        count = write_jsonl(selected(directory, Selection()), out)
seconds = time.perf_counter() - began
print(json.dumps([count, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.process_time()]))
"""


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="trail-") as folder:
        directory = TrailDirectory(Path(folder) / "audit")
        single = await fill(directory)
        verified = await run("verify", directory)
        exported = await run("export", directory)
    return [
        Row("audit: one event durable and signed", single),
        Row(f"audit: {EVENTS:,} events verified", [verified[0]], limit=15),
        Row(f"audit: {EVENTS:,} events verified, CPU", [verified[2]]),
        Row(f"audit: {EVENTS:,} events verified, peak memory", [verified[1]], unit="MB", limit=200),
        Row(f"audit: {EVENTS:,} events exported as JSONL", [exported[0]]),
        Row(f"audit: {EVENTS:,} events exported as JSONL, peak memory", [exported[1]], unit="MB", limit=100),
    ]


async def fill(directory: TrailDirectory) -> list[float]:
    samples: list[float] = []
    async with trail_of(directory) as (trail, session):
        for _ in range(SINGLE):
            draft = an_event(session, 0)
            began = time.perf_counter()
            await trail.append([draft])
            samples.append(time.perf_counter() - began)
        left = EVENTS - SINGLE - 1
        for start in range(0, left, BATCH):
            await trail.append([an_event(session, n) for n in range(start, min(start + BATCH, left))], keep=True)
    return samples


def an_event(session: Session, number: int) -> Draft:
    """A state change as halts record them; about 600 bytes."""
    evidence = {"grade": "observed", "detail": "no pod by owner and selector", "at": "2027-01-15T08:00:00.000Z"}
    data = {"target": f"kubernetes:prod/payments/Deployment/refund-{number}", "layer": "process", "evidence": evidence}
    return session.draft(
        "target.state", {**data, "from": "draining", "state": "stopped"}, halt_id="h-20270115-080000-ab2c"
    )


async def run(what: str, directory: TrailDirectory) -> tuple[float, float, float]:
    """Seconds, peak megabytes and seconds of CPU of a process that does one thing."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, what, str(directory.path), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    count, seconds, megabytes, cpu = json.loads(out)
    assert count == EVENTS, count
    return float(seconds), float(megabytes), float(cpu)
