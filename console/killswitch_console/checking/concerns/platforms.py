"""What the platforms say of themselves, all at once, each within a limit: reach, identity, rights, clocks, targets."""

from __future__ import annotations

import asyncio

from killswitch_backends.checking import Checkable, Finding, Standing
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Backend
from killswitch_console.checking.concern import Concern, Inquiry
from killswitch_console.halting.engine import Engine
from killswitch_inventory.targets import BackendRef

CHECK_SECONDS = 30.0


async def platforms(inquiry: Inquiry) -> tuple[Finding, ...]:
    """The findings of every configured table."""
    engine = inquiry.engine
    if not engine.settings.openers:
        return (Finding("backends", Standing.PROBLEM, "no platform is configured: nothing can be halted"),)
    open_now = engine.backends
    found = await asyncio.gather(*(_table(engine, ref, open_now.get(ref)) for ref in sorted(engine.settings.openers)))
    return tuple(finding for findings in found for finding in findings)


async def _table(engine: Engine, ref: BackendRef, backend: Backend | None) -> list[Finding]:
    seen = [_sight(engine, ref)]
    if backend is None:
        return seen
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            if isinstance(backend, Checkable):
                return [*seen, *await backend.check()]
            who = await backend.identity()
            return [*seen, Finding(str(ref), Standing.OK, f"acts as {who.name}"), _unchecked(ref)]
    except TimeoutError:
        return [*seen, Finding(str(ref), Standing.PROBLEM, f"no answer within {CHECK_SECONDS:g} s")]
    except Problem as problem:
        return [*seen, Finding(str(ref), Standing.PROBLEM, problem.what, problem.todo)]
    except Exception as defect:  # noqa: BLE001  (one broken backend must not hide what the others say)
        return [*seen, Finding(str(ref), Standing.PROBLEM, f"internal error: {defect!r}")]


def _unchecked(ref: BackendRef) -> Finding:
    return Finding(str(ref), Standing.UNKNOWN, "this kind of platform cannot tell which rights it lacks")


def _sight(engine: Engine, ref: BackendRef) -> Finding:
    view = next(v for v in engine.fleet.backends if v.ref == ref)
    if view in engine.fleet.blind:
        what = f"cannot be seen whole: {view.problem or view.sightedness}"
        return Finding(str(ref), Standing.PROBLEM, what, "normal credentials failing? --break-glass")
    return Finding(str(ref), Standing.OK, "is reached, and was listed whole")


CONCERN = Concern(name="platforms", order=10, look=platforms)
