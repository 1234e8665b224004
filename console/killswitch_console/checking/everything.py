"""One whole check: every concern, in the order in which a person should mend what is wrong."""

from __future__ import annotations

import asyncio

from killswitch_console.checking.arrangements import arrangements, coverage
from killswitch_console.checking.glass import glass
from killswitch_console.checking.memory import memory
from killswitch_console.checking.platforms import platforms
from killswitch_console.checking.report import Report, Section
from killswitch_console.config import Configuration
from killswitch_console.halting.engine import Engine, utc_now


async def check(settled: Configuration, engine: Engine) -> Report:
    """Check everything. Makes harmless calls only; takes as long as the slowest platform, 30 s at most."""
    now = utc_now()
    reached, sealed, kept = await asyncio.gather(platforms(engine), glass(settled, now), memory(settled, engine, now))
    return Report(
        at=utc_now(),
        environment=settled.document.environment,
        sections=(
            Section("platforms", reached),
            Section("coverage", tuple(coverage(engine))),
            Section("arrangements", tuple(arrangements(settled, engine))),
            Section("break-glass", sealed),
            Section("memory", kept),
        ),
    )
