"""A plan: what a halt of a scope would do, and what it would not, found before anything is changed.

The data and the pure part: choosing targets from the fleet. Asking the platforms is ``planning.py``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from killswitch_backends.protocol import Captured, Profile
from killswitch_console.halting.turns import in_turns
from killswitch_console.halting.verdict import Unhalted
from killswitch_inventory.agents import Agent, AgentKey
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.scopes import Scope, ScopeKind
from killswitch_inventory.sightedness import BackendView
from killswitch_inventory.targets import BackendRef, Layer, TargetId


@dataclass(frozen=True, slots=True)
class Protection:
    """What no scope may touch (``[protect]``): agents by name, targets by id."""

    agents: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTarget:
    """One target that the halt will change, and how."""

    target: TargetId
    layer: Layer
    agents: tuple[AgentKey, ...]
    action: str = ""
    api_calls: int = 1
    captured: Captured | None = None
    """None: its prior state could not be read yet; the halt reads it first."""
    problem: str = ""
    risks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Untouched:
    """An agent, a target or a whole backend in scope that will not be stopped, and why."""

    id: str
    agents: tuple[AgentKey, ...]
    reason: str
    layer: Layer | None = None
    """The layer at which the agents go on because of it; None where nothing is known to go on."""


@dataclass(frozen=True, slots=True)
class Collateral:
    """Agents outside the scope that a target in the plan would hit as well."""

    target: TargetId
    agents: tuple[AgentKey, ...]


@dataclass(frozen=True, slots=True)
class CallFloor:
    """What the changes cost on one backend: calls, and the seconds that its rate limit makes of them."""

    api_calls: int
    floor_seconds: float


@dataclass(frozen=True, slots=True)
class ActsAs:
    """Whom a platform takes this console for: an ARN and its account, a cluster's user and its server, ..."""

    backend: BackendRef
    name: str = ""
    """Empty where the platform has not said."""
    account: str = ""

    def __str__(self) -> str:
        if not self.name:
            return "not known: the platform has not said"
        return f"{self.name} in {self.account}" if self.account else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a halt would do (``plan`` and the confirmation dialog show it; the halt carries out exactly this).

    Who appears in the scope after it was made is no part of it, and is halted as a newcomer (``adopting.py``).
    """

    scope: Scope
    environment: str
    profile: Profile
    agents: tuple[Agent, ...]
    targets: tuple[PlannedTarget, ...]
    untouched: tuple[Untouched, ...]
    collateral: tuple[Collateral, ...]
    risks: tuple[str, ...]
    floors: Mapping[BackendRef, CallFloor] = field(default_factory=dict)
    blind: tuple[BackendView, ...] = ()
    made_at: datetime
    identities: tuple[ActsAs, ...] = ()
    """As whom the halt would act, on each platform that it changes something on."""

    @property
    def unhalted(self) -> tuple[Unhalted, ...]:
        """The layers at which agents of this plan go on whatever the halt does."""
        return tuple(Unhalted(key, u.layer) for u in self.untouched if u.layer for key in u.agents)

    def risks_by_text(self) -> dict[str, list[TargetId]]:
        """Each risk once, with the targets that bear it: hundreds of targets mostly share a few risks."""
        grouped: dict[str, list[TargetId]] = {}
        for target in self.targets:
            for risk in target.risks:
                grouped.setdefault(risk, []).append(target.target)
        return grouped

    @property
    def blinding(self) -> bool:
        """Whether something unseen may carry a process or a credential of an agent in scope."""
        return any(view.ref.kind in self.proving_kinds for view in self.blind)

    proving_kinds: frozenset[str] = frozenset()
    """Kinds of backend whose layer is process or credential."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The targets a scope comes down to, before any platform was asked."""

    agents: tuple[Agent, ...]
    targets: Mapping[TargetId, tuple[AgentKey, ...]]
    layers: Mapping[TargetId, Layer]
    untouched: tuple[Untouched, ...]
    collateral: tuple[Collateral, ...]


_ONLY_A_FLAG = "only a flag stops it: a task in progress goes on and keeps its credentials; it can only be limited"


async def choose(fleet: Fleet, scope: Scope, protection: Protection) -> Choice:
    """Choose what to halt for a scope: every target bound to an agent in it, but nothing that is protected.

    Of an instance, only what ends that one: its agent's other instances, credentials and flags stay as they are.
    """
    if scope.kind is ScopeKind.INSTANCE:
        return _choose_instance(fleet, scope, protection)
    agents = [agent async for key in in_turns(fleet.keys_in(scope)) if (agent := fleet.agent(key)) is not None]
    return await choose_among(fleet, scope, protection, agents)


async def choose_among(fleet: Fleet, scope: Scope, protection: Protection, agents: Sequence[Agent]) -> Choice:
    """What ``choose`` chooses for some agents of a scope, which is no instance; its others are not outside it."""
    layers: dict[TargetId, Layer] = {}
    bound: defaultdict[TargetId, list[AgentKey]] = defaultdict(list)
    async for agent in in_turns(agents):
        for binding in agent.bindings:
            bound[binding.target].append(agent.key)
            layers[binding.target] = binding.layer
    for stop in fleet.stopping_all() if scope.kind is ScopeKind.GLOBAL and agents else ():
        bound[stop.target] = [agent.key for agent in agents]
        layers[stop.target] = stop.layer
    guarded = {t: reason async for t in in_turns(bound) if (reason := _guarded(fleet, t, protection))}
    hit = {t: keys async for t, keys in in_turns(bound.items()) if t not in guarded}
    return Choice(
        agents=tuple(agents),
        targets={t: tuple(keys) for t, keys in hit.items()},
        layers=layers,
        untouched=(
            *(Untouched(str(t), tuple(bound[t]), reason, layers[t]) for t, reason in guarded.items()),
            *[left async for agent in in_turns(agents) for left in _unreachable(fleet, agent)],
        ),
        collateral=tuple(
            [Collateral(t, others) async for t in in_turns(hit) if (others := _outside(scope, fleet.agents_hit_by(t)))]
        ),
    )


def _outside(scope: Scope, keys: Iterable[AgentKey]) -> tuple[AgentKey, ...]:
    return tuple(sorted(key for key in keys if not scope.covers(key)))


_NOT_ALONE = "its platform cannot end one instance and leave the others; halt the agent instead"


def _choose_instance(fleet: Fleet, scope: Scope, protection: Protection) -> Choice:
    """The one target that ends one instance. Without that instance there is nothing in the scope."""
    agents = [agent for agent in fleet.agents(scope) if any(i.name == scope.instance for i in agent.instances)]
    bound: defaultdict[TargetId, list[AgentKey]] = defaultdict(list)
    untouched: list[Untouched] = []
    for agent in agents:
        target = next(i.target for i in agent.instances if i.name == scope.instance)
        if target is None:
            untouched.append(Untouched(str(scope), (agent.key,), _NOT_ALONE, Layer.PROCESS))
        elif agent.key.name in protection.agents or str(target) in protection.targets:
            untouched.append(Untouched(str(target), (agent.key,), "protected by [protect]", Layer.PROCESS))
        else:
            bound[target].append(agent.key)
            if left := [i.name for i in agent.instances if i.name != scope.instance and not i.terminating]:
                untouched.append(Untouched(f"{agent.key.name}/*", (agent.key,), _others_go_on(left)))
    return Choice(
        agents=tuple(agents),
        targets={target: tuple(keys) for target, keys in bound.items()},
        layers=dict.fromkeys(bound, Layer.PROCESS),
        untouched=tuple(untouched),
        collateral=tuple(
            Collateral(target, others) for target in bound if (others := _others_in(fleet, target, bound[target]))
        ),
    )


def _others_go_on(names: Sequence[str]) -> str:
    count = f"{len(names)} other instances of it go on" if len(names) > 1 else f"its other instance {names[0]} goes on"
    return f"{count}: only this one is halted"


def _others_in(fleet: Fleet, instance: TargetId, mine: Iterable[AgentKey]) -> tuple[AgentKey, ...]:
    """Agents outside the scope that run in the same instance."""
    everyone = fleet.agents(Scope(ScopeKind.GLOBAL))
    within = {agent.key for agent in everyone if any(i.target == instance for i in agent.instances)}
    return tuple(sorted(within - set(mine)))


def _guarded(fleet: Fleet, target: TargetId, protection: Protection) -> str:
    """Why a target is protected, or nothing. One protected agent protects every target whose halt would hit it."""
    if str(target) in protection.targets:
        return "protected by [protect] targets"
    if needing := sorted({str(t) for t in fleet.dependants(target)} & protection.targets):
        return f"protected by [protect] targets: {', '.join(needing)} depend on it"
    names = sorted({key.name for key in fleet.agents_hit_by(target)} & protection.agents)
    return f"protected by [protect] agents: {', '.join(names)}" if names else ""


def _unreachable(fleet: Fleet, agent: Agent) -> Iterable[Untouched]:
    """What of an agent no configured platform can stop: all of it, or its credentials."""
    if not agent.bindings:
        yield Untouched(str(agent.key), (agent.key,), "no target is known for it", Layer.PROCESS)
    elif agent.layers == (Layer.CAPABILITY,):
        yield Untouched(str(agent.key), (agent.key,), _ONLY_A_FLAG)
    elif Layer.PROCESS not in agent.layers:
        yield Untouched(str(agent.key), (agent.key,), "has no process layer: it can only be limited")
    for identity in fleet.unseen_identities(agent.key):
        yield Untouched(identity, (agent.key,), "runs as this identity, which no configured [[iam]] table sees")
