"""The fleet: streamed sightings from all platforms folded into one picture of agents and their targets.

Folding is incremental (each sighting costs what it touches, not the size of the fleet) and order-free: whatever order
the platforms report in, the same facts give the same fleet. It keeps facts only; what a halt makes of them is the
console's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from killswitch_inventory.agents import (
    Agent,
    AgentKey,
    Binding,
    worst,
)
from killswitch_inventory.dependence import Dependence
from killswitch_inventory.scopes import Scope
from killswitch_inventory.sightedness import BackendView, BackendViews, Sightedness
from killswitch_inventory.sightings import (
    ListingComplete,
    ListingStarted,
    RunsAs,
    Sighting,
    SightingFailed,
    TargetGone,
    TargetSighting,
)
from killswitch_inventory.targets import BackendRef, Layer, TargetId
from killswitch_inventory.ties import Ties, same_ties


@dataclass(frozen=True, slots=True)
class Declaration:
    """A binding written in the configuration: this agent is stopped by these targets (``[[agent]]``)."""

    key: AgentKey
    targets: tuple[TargetId, ...]


@dataclass(frozen=True, slots=True)
class Touched:
    """What one fold changed: agents to look at again, and agents that are no more."""

    agents: frozenset[AgentKey] = frozenset()
    gone: frozenset[AgentKey] = frozenset()

    def __or__(self, other: Touched) -> Touched:
        agents = self.agents | other.agents
        return Touched(agents - other.gone, (self.gone - other.agents) | other.gone)


_NOTHING = Touched()


class Fleet:
    """All agents and targets now known. Not thread-safe: one owner folds, others read frozen views."""

    def __init__(
        self,
        *,
        declared: Iterable[Declaration] = (),
        backends: Iterable[BackendRef] = (),
        layers: Mapping[str, Layer] | None = None,
    ) -> None:
        """Start empty.

        Args:
            declared: bindings from the configuration.
            backends: the backends that will report, so that one that never does is known to be missing.
            layers: the layer of each kind of backend, for declared targets that were never sighted.
        """
        self._layers = dict(layers or {})
        self._targets: dict[TargetId, TargetSighting] = {}
        self._ties = Ties(self._targets)
        self._dependence = Dependence()
        self._views = BackendViews(backends)
        self._unlisted: dict[BackendRef, set[TargetId]] = {}
        """While a backend lists: its targets that this listing has not shown yet."""
        for declaration in declared:
            self._ties.declare(declaration.key, declaration.targets)

    # -- folding ---------------------------------------------------------------------------------------------------

    def fold(self, sighting: Sighting) -> Touched:
        """Take one sighting in; return which agents it changed."""
        match sighting:
            case TargetSighting():
                return self._see(sighting)
            case TargetGone():
                self._views.heard(sighting.target.backend, sighting.at)
                return self._forget(sighting.target)
            case ListingStarted():
                self._unlisted[sighting.backend] = {t for t in self._targets if t.backend == sighting.backend}
                self._views.listing(sighting.backend)
                return _NOTHING
            case ListingComplete():
                return self._complete(sighting)
            case SightingFailed():
                self._unlisted.pop(sighting.backend, None)
                self._views.failed(sighting.backend, sighting.problem)
                return _NOTHING

    def remember(self, ref: BackendRef, sightings: Iterable[TargetSighting], as_of: datetime) -> Touched:
        """Take in what an earlier session knew of a backend not listed yet; it goes when a listing lacks it."""
        known = self._views.of(ref)
        if known is None or known.as_of is not None or ref in self._unlisted:
            return _NOTHING
        touched = _NOTHING
        for seen in sightings:
            if seen.target not in self._targets:
                touched |= self._see(seen)
        self._views.remembered(ref, as_of)
        return touched

    def _see(self, seen: TargetSighting) -> Touched:
        if (unlisted := self._unlisted.get(seen.target.backend)) is not None:
            unlisted.discard(seen.target)
        self._views.heard(seen.target.backend, seen.seen_at)
        before = self._targets.get(seen.target)
        self._dependence.put(seen.target, seen.needs)
        if before is not None and same_ties(before, seen):
            self._targets[seen.target] = seen
            return self._touched(self._ties.affected(seen))
        touched = self._untie(before) if before else set()
        self._targets[seen.target] = seen
        self._ties.add(seen)
        return self._touched(touched | self._ties.affected(seen) | self._ties.orphans_of(seen))

    def _forget(self, target: TargetId) -> Touched:
        before = self._targets.get(target)
        if before is None:
            return _NOTHING
        touched = self._untie(before)
        self._dependence.put(target, ())
        del self._targets[target]
        return self._touched(touched)

    def _untie(self, seen: TargetSighting) -> set[AgentKey]:
        """Take a target's ties out; the agents that had them, and the orphans that may come of it."""
        touched = self._ties.affected(seen) | self._ties.orphans_of(seen)
        self._ties.remove(seen)
        return touched

    def _complete(self, complete: ListingComplete) -> Touched:
        touched = _NOTHING
        for target in self._unlisted.pop(complete.backend, set()):
            touched |= self._forget(target)
        self._views.listed(complete.backend, complete.at)
        return touched

    def _touched(self, keys: set[AgentKey]) -> Touched:
        gone = {key for key in keys if not self._ties.exists(key)}
        return Touched(frozenset(keys - gone), frozenset(gone))

    # -- views -----------------------------------------------------------------------------------------------------

    @property
    def backends(self) -> tuple[BackendView, ...]:
        """What is known through each backend."""
        return self._views.all()

    @property
    def blind(self) -> tuple[BackendView, ...]:
        """Backends that cannot see everything right now, so that agents or targets may be missing."""
        return tuple(view for view in self._views.all() if view.sightedness is not Sightedness.LIVE)

    def __len__(self) -> int:
        return sum(1 for _ in self.keys())

    def keys(self) -> Iterator[AgentKey]:
        """All agents, in no particular order."""
        return self._ties.keys()

    def agent(self, key: AgentKey) -> Agent | None:
        """The frozen view of one agent, or None if it is not known."""
        if not self._ties.exists(key):
            return None
        bindings = self.bindings(key)
        seen = [found for binding in bindings if (found := self._targets.get(binding.target))]
        processes = [s for s in seen if s.layer is Layer.PROCESS]
        return Agent(
            key=key,
            health=worst([s.health for s in processes or seen]),
            concurrency=sum(s.concurrency for s in processes),
            instances=tuple(instance for s in processes for instance in s.instances),
            bindings=bindings,
            halted=bool(seen) and all(s.mark is not None for s in processes or seen),
            oldest_fact=min((s.seen_at for s in seen), default=_NEVER),
        )

    def agents(self, scope: Scope) -> list[Agent]:
        """The agents within a scope, ordered by class, tenant and name."""
        return [agent for key in self.keys_in(scope) if (agent := self.agent(key)) is not None]

    def keys_in(self, scope: Scope) -> list[AgentKey]:
        """Who is within a scope, ordered by class, tenant and name."""
        return sorted(key for key in self.keys() if scope.covers(key))

    def bindings(self, key: AgentKey) -> tuple[Binding, ...]:
        """How an agent can be stopped: each target once, the most explicit way it is known first."""
        known = self._ties.of(key)
        layered = ((target, self._layer(target), how) for target, how in known.items())
        return tuple(sorted(Binding(target, layer, how) for target, layer, how in layered if layer))

    def targets_of(self, key: AgentKey) -> set[TargetId]:
        """The targets that an agent's bindings lead to."""
        return {target for target in self._ties.targets(key) if self._layer(target)}

    def layer_of(self, kind: str) -> Layer | None:
        """The layer of a kind of backend, where it was said."""
        return self._layers.get(kind)

    def _layer(self, target: TargetId) -> Layer | None:
        seen = self._targets.get(target)
        return seen.layer if seen else self._layers.get(target.backend.kind)

    def _runs_as(self, target: TargetId) -> tuple[RunsAs, ...]:
        seen = self._targets.get(target)
        return seen.runs_as if seen else ()

    def unseen_identities(self, key: AgentKey) -> tuple[str, ...]:
        """Identities its processes run as, but that no backend sights: credentials that nobody here can deny."""
        runs_as = {r.identity for binding in self.bindings(key) for r in self._runs_as(binding.target) if r.certain}
        return tuple(sorted(identity for identity in runs_as if not self._ties.is_seen(identity)))

    def target(self, target: TargetId) -> TargetSighting | None:
        """What was last seen of a target."""
        return self._targets.get(target)

    def sightings(self, ref: BackendRef) -> tuple[TargetSighting, ...]:
        """What is known of all targets of a backend."""
        return tuple(seen for seen in self._targets.values() if seen.target.backend == ref)

    def agents_of(self, target: TargetId) -> frozenset[AgentKey]:
        """All agents that are bound to this target."""
        seen = self._targets.get(target)
        if seen is None:
            return self._ties.declared(target)
        return frozenset(key for key in self._ties.affected(seen) if self._ties.exists(key))

    def dependants(self, target: TargetId) -> frozenset[TargetId]:
        """The targets that stop serving when this one is halted, directly or through others."""
        return self._dependence.dependants(target)

    def agents_hit_by(self, target: TargetId) -> frozenset[AgentKey]:
        """All agents that a halt of this target would hit: those bound to it, and to what depends on it."""
        return frozenset().union(*(self.agents_of(each) for each in (target, *self.dependants(target))))

    def marked(self) -> Iterator[TargetSighting]:
        """The targets that carry a halt's mark, in no particular order."""
        return (seen for seen in self._targets.values() if seen.mark is not None)

    def stopping_all(self) -> list[TargetSighting]:
        """The targets that stop every agent at once, ordered by id."""
        found = (seen for seen in self._targets.values() if seen.stops_all)
        return sorted(found, key=lambda seen: seen.target)

    def unclassified(self) -> list[TargetSighting]:
        """Process targets that no agent is known to use: shown, so that nothing hides by lacking a label."""
        return [
            seen
            for seen in self._targets.values()
            if seen.layer is Layer.PROCESS and not seen.claims and not self._ties.is_declared(seen.target)
        ]


_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
