"""A halt that would deny the break-glass identity is refused, like one that would deny the invoker (safety rule 4).

Which identity that is, the register of what is enrolled tells while it stays sealed: the role that a key assumes, and
whom the platforms took it for when it was last tested. The user behind a key is in no register: keep it out of agents'
paths and tags.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from killswitch_console.halting.plan import Plan
from killswitch_console.halting.planning import LockedOut
from killswitch_console.vault.register import Entry, Register, RegisterError
from killswitch_inventory.fleet import Fleet


async def spare_break_glass(plan: Plan, fleet: Fleet, register: Register | None) -> Plan:
    """The plan without what carries a break-glass identity: that is locked out, so the halt will be refused."""
    if register is None:
        return plan
    try:
        emergency = identities_of(await asyncio.to_thread(register.entries))
    except RegisterError as error:
        unknown = f"whether this hits a break-glass identity could not be looked up: {error}"
        return replace(plan, risks=(*plan.risks, unknown))
    locked = tuple(
        LockedOut(str(target.target), target.agents, f"it is the break-glass identity ({identity})", target.layer)
        for target in plan.targets
        if (seen := fleet.target(target.target)) and (identity := seen.identity) and _plain(identity) in emergency
    )
    if not locked:
        return plan
    gone = {one.id for one in locked}
    left = tuple(target for target in plan.targets if str(target.target) not in gone)
    return replace(plan, targets=left, untouched=(*plan.untouched, *locked))


def identities_of(entries: Iterable[Entry]) -> frozenset[tuple[str, str]]:
    """Whom break-glass acts as: account and name of each identity."""
    told = (name for entry in entries for name in (entry.facts.get("role_arn", ""), *entry.identities.values()))
    return frozenset(_plain(arn) for arn in told if arn.startswith("arn:"))


def _plain(arn: str) -> tuple[str, str]:
    """Account and ``role/NAME``: a session's ARN leaves out its role's path, and names are unique in an account."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return "", arn
    kind, _, rest = parts[5].partition("/")
    if kind == "assumed-role":
        return parts[4], f"role/{rest.split('/')[0]}"
    return parts[4], f"{kind}/{rest.rsplit('/', 1)[-1]}"
