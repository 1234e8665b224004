"""What was arranged before the day it is needed: coverage, protection, objectives, roles, two people, notices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from killswitch_backends.checking import Finding, Standing
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import Configuration
from killswitch_console.halting.engine import Engine
from killswitch_inventory.scopes import Scope, ScopeKind
from killswitch_inventory.targets import Layer

_NAMED = 5


def coverage(engine: Engine) -> Iterator[Finding]:
    """Which agents no layer can stop, or not soundly."""
    agents = engine.fleet.agents(Scope(ScopeKind.GLOBAL))
    if not agents:
        yield Finding("fleet", Standing.WARNING, "no agent is known: are labels and tags as [labels] says?")
        return
    without = Counter(layer for agent in agents for layer in agent.uncovered)
    for layer in (Layer.PROCESS, Layer.CREDENTIAL):
        names = sorted(agent.key.name for agent in agents if layer in agent.uncovered)
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            lack = "can at most be limited" if layer is Layer.PROCESS else "keep credentials that were stolen or cached"
            standing = Standing.PROBLEM if layer is Layer.PROCESS else Standing.WARNING
            what = f"{len(names)} agents have no {layer} layer and {lack}: {', '.join(names[:_NAMED])}{more}"
            yield Finding("fleet", standing, what, "label or tag their targets, or declare [[agent]]")
    if not without[Layer.PROCESS] and not without[Layer.CREDENTIAL]:
        yield Finding("fleet", Standing.OK, f"all {len(agents)} agents have a process and a credential layer")
    if stray := engine.fleet.unclassified():
        named = ", ".join(str(seen.target) for seen in stray[:_NAMED])
        what = f"{len(stray)} process targets are nobody's agents: {named}"
        yield Finding("fleet", Standing.OK, what)


def arrangements(settled: Configuration, engine: Engine) -> Iterator[Finding]:
    """Roles, two people, protection, objectives, notices."""
    yield from _authority(settled, engine)
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


def _authority(settled: Configuration, engine: Engine) -> Iterator[Finding]:
    table = settled.document.authority
    if table is None:
        what = "no roles are configured: whoever can run this program may halt everything"
        yield Finding("authority", Standing.WARNING, what, "[authority]; the platforms' own rights are the fence")
        return
    environment = settled.document.environment
    yield Finding("authority", Standing.OK, f"{len(table.role)} roles are enforced")
    for role in table.role:
        if all(principal.partition(":")[0] != "os" for principal in role.principals):
            what = f"role {role.name} hangs on platform identities only: with login down nobody has it"
            yield Finding("authority", Standing.WARNING, what, "add an os: principal, or allow the override")
    authority = engine.settings.authority
    me = current_invoker()
    if authority is not None and authority.role_of(me, environment) is None:
        yield Finding("authority", Standing.WARNING, f"{me} has no role in {environment} by the operating system alone")


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
