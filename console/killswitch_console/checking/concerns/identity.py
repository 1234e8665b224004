"""Who is at this console, how they came, whom the platforms take them for, and what of that does not fit their role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from killswitch_backends.checking import Finding, Standing
from killswitch_console.authority.invoker import Invoker, current_invoker
from killswitch_console.authority.roles import mismatches
from killswitch_console.checking.concern import Concern, Inquiry
from killswitch_inventory.targets import BackendRef


async def identity(inquiry: Inquiry) -> tuple[Finding, ...]:
    """The findings on this person."""
    me = replace(current_invoker(), platforms=await inquiry.engine.gate.identify())
    return tuple(_findings(inquiry, me))


def _findings(inquiry: Inquiry, me: Invoker) -> Iterator[Finding]:
    environment, authority = inquiry.settled.document.environment, inquiry.engine.settings.authority
    role = authority.role_of(me, environment) if authority is not None else None
    held = f", as {role}" if role else ""
    yield Finding("person", Standing.OK, f"{me}, {me.came}{held}")
    for platform in me.platforms:
        where = f" in {platform.account}" if platform.account else ""
        yield Finding(platform.backend, Standing.OK, f"takes this console for {platform.name}{where}")
    said = {platform.backend for platform in me.platforms}
    for ref in sorted(inquiry.engine.settings.openers):
        if str(ref) not in said:
            yield _silent(ref)
    for mismatch in mismatches(authority, me, environment):
        yield Finding("person", Standing.WARNING, mismatch, "[authority], or another account")


def _silent(ref: BackendRef) -> Finding:
    return Finding(str(ref), Standing.UNKNOWN, "does not say whom it takes this console for")


CONCERN = Concern(name="identity", order=5, look=identity)
