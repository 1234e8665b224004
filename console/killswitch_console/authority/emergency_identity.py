"""A halt that would deny the break-glass identity is refused, like one that would deny the invoker (safety rule 4).

Which identity that is, the register of what is enrolled tells while it stays sealed: the role that a key assumes, and
whom the platforms took it for when it was last tested. The user behind a key is in no register: keep it out of agents'
paths and tags.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from killswitch_backends.aws_common.arns import account_and_name
from killswitch_console.halting.plan import Plan, PlannedTarget
from killswitch_console.halting.planning import LockedOut
from killswitch_console.vault.register import Entry, Register, RegisterError
from killswitch_inventory.fleet import Fleet


async def spare_break_glass(plan: Plan, fleet: Fleet, register: Register | None) -> Plan:
    """The plan without what carries a break-glass identity: that is locked out, so the halt will be refused."""
    try:
        locked = await carrying_break_glass(plan.targets, fleet, register)
    except RegisterError as error:
        unknown = f"whether this hits a break-glass identity could not be looked up: {error}"
        return replace(plan, risks=(*plan.risks, unknown))
    if not locked:
        return plan
    gone = {one.id for one in locked}
    left = tuple(target for target in plan.targets if str(target.target) not in gone)
    return replace(plan, targets=left, untouched=(*plan.untouched, *locked))


async def carrying_break_glass(
    targets: Sequence[PlannedTarget], fleet: Fleet, register: Register | None
) -> tuple[LockedOut, ...]:
    """Those of some targets that carry a break-glass identity. Raises ``RegisterError``."""
    if register is None or not targets:
        return ()
    emergency = identities_of(await asyncio.to_thread(register.entries))
    return tuple(
        LockedOut(str(target.target), target.agents, f"it is the break-glass identity ({identity})", target.layer)
        for target in targets
        if (seen := fleet.target(target.target))
        and (identity := seen.identity)
        and account_and_name(identity) in emergency
    )


def identities_of(entries: Iterable[Entry]) -> frozenset[tuple[str, str]]:
    """Whom break-glass acts as: account and name of each identity."""
    told = (name for entry in entries for name in (entry.facts.get("role_arn", ""), *entry.identities.values()))
    return frozenset(account_and_name(arn) for arn in told if arn.startswith("arn:"))
