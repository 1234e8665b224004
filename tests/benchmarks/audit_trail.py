"""The audit trail: one event made durable; a million verified, exported, and looked through on screen."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring import Row, as_a_console
from console.tui.driving import Driven
from console.tui.still import still_console
from killswitch_console.audit.events import Draft
from killswitch_console.audit.session import Session
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.config import load_configuration
from killswitch_console.halting.events import FleetChanged
from killswitch_console.tui.screens.audit import AuditScreen
from killswitch_console.tui.widgets.long_list import LongList
from trails import trail_of

EVENTS = 1_000_000
BATCH = 20_000
SINGLE = 300
OPENINGS, PAGES = 5, 300
RARE = "refund-12345 since:7d"

CHILD = """
import json, sys, time
from pathlib import Path
from killswitch_console.audit.reading import Selection, selected
from killswitch_console.audit.tables import write_jsonl
from killswitch_console.audit.continuity import verify_directory
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
status = Path("/proc/self/status").read_text()  # ru_maxrss of a child begins with its parent's
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps([count, seconds, peak, time.process_time()]))
"""


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="trail-") as folder:
        directory = TrailDirectory(Path(folder) / "audit")
        single = await fill(directory)
        verified = await run("verify", directory)
        exported = await run("export", directory)
        screen = await on_screen(Path(folder))
    return [
        Row("audit: one event durable and signed", single),
        Row(f"audit: {EVENTS:,} events verified", [verified[0]], limit=15),
        Row(f"audit: {EVENTS:,} events verified, CPU", [verified[2]]),
        Row(f"audit: {EVENTS:,} events verified, peak memory", [verified[1]], unit="MB", limit=200),
        Row(f"audit: {EVENTS:,} events exported as JSONL", [exported[0]]),
        Row(f"audit: {EVENTS:,} events exported as JSONL, peak memory", [exported[1]], unit="MB", limit=100),
        Row(f"audit screen: {EVENTS:,} events, key to first rows", screen.opened, limit=0.5),
        Row("audit screen: a page further, until its rows are there", screen.paged),
        Row("audit screen: a page further, the slowest", [max(screen.paged)], limit=0.1),
        Row("audit screen: anywhere (End, Home, the middle)", screen.jumped, limit=0.1),
        Row("audit screen: longest the screen stood still while scrolling", [max(screen.gaps)], limit=0.1),
        Row("audit screen: a search, first rows", screen.searched),
        Row("audit screen: a search, all looked through", screen.finished),
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


@dataclass(frozen=True, slots=True)
class OnScreen:
    """Seconds."""

    opened: list[float] = field(default_factory=list)
    paged: list[float] = field(default_factory=list)
    jumped: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    searched: list[float] = field(default_factory=list)
    finished: list[float] = field(default_factory=list)


async def on_screen(folder: Path) -> OnScreen:
    """Open the audit screen five times; once, scroll, jump and search. As in the app, once the fleet was listed."""
    config = folder / "config.toml"
    config.write_text('environment = "production"\nstate_dir = "."\n')
    took = OnScreen()
    with as_a_console() as publish:
        async with still_console(size=(120, 40)) as driven:
            publish(FleetChanged((), (), ()))
            driven.state.configuration = load_configuration(config)
            await looked_through(driven, took)
    return took


async def looked_through(driven: Driven, took: OnScreen) -> None:
    for _ in range(OPENINGS):
        began = time.perf_counter()
        driven.app.push_screen(screen := AuditScreen())
        await shown(screen, began, took.opened)
        if len(took.opened) < OPENINGS:
            driven.app.pop_screen()
            await driven.pilot.pause(0.1)
    listing = screen.query_one(LongList)
    watch = asyncio.create_task(watching(took.gaps), name="watch for pauses")
    for _ in range(PAGES):
        began = time.perf_counter()
        listing.action_page(1)
        await shown(screen, began, took.paged)
    for row in (-1, 0, EVENTS // 2, EVENTS // 3, -1, EVENTS // 7):
        began = time.perf_counter()
        listing.action_go(row)
        await shown(screen, began, took.jumped)
    watch.cancel()
    began = time.perf_counter()
    screen.search(RARE)
    await shown(screen, began, took.searched)
    while screen.searching:  # noqa: ASYNC110  (likewise)
        await asyncio.sleep(0.005)
    took.finished.append(time.perf_counter() - began)


async def shown(screen: AuditScreen, began: float, samples: list[float]) -> None:
    """Wait until everything in view was read and painted."""
    while not screen.settled:  # noqa: ASYNC110  (a widget tells nobody)
        await asyncio.sleep(0.001)
    samples.append(time.perf_counter() - began)


async def watching(gaps: list[float]) -> None:
    """How long the screen's loop did nothing else, again and again."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        gaps.append(time.perf_counter() - began)


async def run(what: str, directory: TrailDirectory) -> tuple[float, float, float]:
    """Seconds, peak megabytes and seconds of CPU of a process that does one thing."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, what, str(directory.path), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    count, seconds, megabytes, cpu = json.loads(out)
    assert count == EVENTS, count
    return float(seconds), float(megabytes), float(cpu)
