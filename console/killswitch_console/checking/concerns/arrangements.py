"""What was arranged before the day it is needed: protection, objectives, roles, two people, notices."""

from __future__ import annotations

from collections.abc import Iterator

from killswitch_backends.checking import Finding, Standing
from killswitch_console.checking.concern import Concern, Inquiry
from killswitch_console.config import Configuration
from killswitch_console.halting.engine import Engine
from killswitch_inventory.scopes import Scope, ScopeKind

_NAMED = 5


async def arrangements(inquiry: Inquiry) -> tuple[Finding, ...]:
    """The findings on all of it."""
    return tuple(_arrangements(inquiry.settled, inquiry.engine))


def _arrangements(settled: Configuration, engine: Engine) -> Iterator[Finding]:
    yield from _authority(settled)
    restore = settled.document.restore.two_person
    if restore:
        yield Finding("restore", Standing.OK, f"takes two people for {', '.join(restore)}")
    else:
        yield Finding("restore", Standing.WARNING, "one person alone can restore anything", "[restore] two_person")
    yield from _protection(settled, engine)
    yield _objectives(settled)
    if settled.document.notify.urls:
        yield Finding("notify", Standing.OK, f"{len(settled.document.notify.urls)} destinations are told")
    else:
        yield Finding("notify", Standing.WARNING, "nobody is told of invocations or misuse", "[notify] urls")


def _authority(settled: Configuration) -> Iterator[Finding]:
    table = settled.document.authority
    if table is None:
        what = "no roles are configured: whoever can run this program may halt everything"
        yield Finding("authority", Standing.WARNING, what, "[authority]; the platforms' own rights are the fence")
        return
    yield Finding("authority", Standing.OK, f"{len(table.role)} roles are enforced")
    for role in table.role:
        if all(principal.partition(":")[0] != "os" for principal in role.principals):
            what = f"role {role.name} hangs on platform identities only: with login down nobody has it"
            yield Finding("authority", Standing.WARNING, what, "add an os: principal, or allow the override")


def _protection(settled: Configuration, engine: Engine) -> Iterator[Finding]:
    protect = settled.document.protect
    known = {agent.key.name for agent in engine.fleet.agents(Scope(ScopeKind.GLOBAL))}
    lost = sorted(set(protect.agents) - known)
    if lost:
        yield Finding("protect", Standing.WARNING, f"protects agents that are not known: {', '.join(lost[:_NAMED])}")
    count = len(protect.agents) + len(protect.targets)
    yield Finding("protect", Standing.OK, f"{count} agents and targets are protected from every halt")


def _objectives(settled: Configuration) -> Finding:
    slo = settled.document.slo
    iam = [table for table in settled.backends if table.kind.kind == "iam"]
    slowest = max((float(table.settings.propagation_seconds) for table in iam), default=0.0)
    if slowest >= float(slo.backend.get("iam", slo.global_)):
        what = f"[slo.backend] iam is not above propagation_seconds ({slowest:g} s): it can never be met"
        return Finding("slo", Standing.PROBLEM, what)
    scopes = f"agent {slo.agent:g} s, tenant {slo.tenant:g} s, class {slo.agent_class:g} s, global {slo.global_:g} s"
    return Finding("slo", Standing.OK, scopes)


CONCERN = Concern(name="arrangements", order=30, look=arrangements)
