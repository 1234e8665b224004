"""One whole check: every concern at once, each within a limit, in the order in which a person should mend them."""

from __future__ import annotations

import asyncio

from killswitch_backends.checking import Finding, Standing
from killswitch_console.checking.concern import Concern, Inquiry, all_concerns
from killswitch_console.checking.report import Report, Section
from killswitch_console.config import Configuration
from killswitch_console.halting.engine import Engine, utc_now

LOOK_SECONDS = 35.0
"""A concern that has not answered by then is a finding itself."""


async def check(settled: Configuration, engine: Engine) -> Report:
    """Check everything. Makes harmless calls only; takes as long as the slowest platform, 35 s at most."""
    inquiry = Inquiry(settled, engine, utc_now())
    concerns = await asyncio.to_thread(all_concerns)
    sections = await asyncio.gather(*(_section(concern, inquiry) for concern in concerns))
    return Report(at=utc_now(), environment=settled.document.environment, sections=tuple(sections))


async def _section(concern: Concern, inquiry: Inquiry) -> Section:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return Section(concern.name, tuple(await concern.look(inquiry)))
    except TimeoutError:
        what = f"could not be looked up within {LOOK_SECONDS:g} s"
    except Exception as defect:  # noqa: BLE001  (a defect in one concern must not hide what the others found)
        what = f"internal error: {defect!r}"
    return Section(concern.name, (Finding(concern.name, Standing.PROBLEM, what),))
