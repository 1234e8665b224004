"""Which agents no layer can stop, or not soundly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from killswitch_backends.checking import Finding, Standing
from killswitch_console.checking.concern import Concern, Inquiry
from killswitch_console.halting.engine import Engine
from killswitch_inventory.scopes import Scope, ScopeKind
from killswitch_inventory.targets import Layer

_NAMED = 5


async def coverage(inquiry: Inquiry) -> tuple[Finding, ...]:
    """The findings on every agent."""
    return tuple(_coverage(inquiry.engine))


def _coverage(engine: Engine) -> Iterator[Finding]:
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


CONCERN = Concern(name="coverage", order=20, look=coverage)
