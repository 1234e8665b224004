"""As whom a halt would act, on each platform it touches: shown with the plan, before anything asks for a confirmation.

An environment variable or a profile can make a console somebody else, in another account. The platforms' own word is
asked for while the plan is made; one that does not say in time is shown as not known, and delays nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import replace

from killswitch_console.authority.gate import Gate
from killswitch_console.authority.invoker import PlatformName
from killswitch_console.halting.plan import ActsAs, Plan

GRACE_SECONDS = 2.0
"""How much longer than the plan itself the identities may take."""


async def with_identities(making: Awaitable[Plan], gate: Gate) -> Plan:
    """The plan that is being made, with whom each platform in it takes this console for."""
    asking = asyncio.create_task(gate.identify(), name="identities for a plan")
    try:
        plan = await making
        await asyncio.wait([asking], timeout=GRACE_SECONDS)
    finally:
        asking.cancel()
    return replace(plan, identities=acting_as(plan, gate.names))


def acting_as(plan: Plan, names: Iterable[PlatformName]) -> tuple[ActsAs, ...]:
    """One identity for each platform that the plan changes something on; without a name where it has not said."""
    known = {name.backend: name for name in names}
    refs = sorted({target.target.backend for target in plan.targets})
    return tuple(ActsAs(ref, told.name, told.account) if (told := known.get(str(ref))) else ActsAs(ref) for ref in refs)
