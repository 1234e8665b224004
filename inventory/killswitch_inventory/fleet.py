"""The fleet: streamed sightings from all platforms folded into one picture of agents and their targets.

Folding is incremental (each sighting costs what it touches, not the size of the fleet) and order-free: whatever order
the platforms report in, the same facts give the same fleet. It keeps facts only; what a halt makes of them is the
console's business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from killswitch_inventory.agents import (
    UNASSIGNED,
    UNCLASSIFIED,
    Agent,
    AgentKey,
    Binding,
    How,
    worst,
)
from killswitch_inventory.scopes import Scope
from killswitch_inventory.sightings import (
    Claim,
    ListingComplete,
    ListingStarted,
    RunsAs,
    Sighting,
    SightingFailed,
    TargetGone,
    TargetSighting,
)
from killswitch_inventory.targets import BackendRef, Layer, TargetId

_K = TypeVar("_K")
_V = TypeVar("_V")


class Sightedness(StrEnum):
    """How much the fleet knows through one backend."""

    WAITING = "waiting"
    """Nothing was heard of it yet."""
    LISTING = "listing"
    LIVE = "live"
    STALE = "stale"
    """It listed once, but cannot see now: facts stay and age."""
    FAILED = "failed"
    """It never gave a whole listing."""


@dataclass(frozen=True, slots=True)
class BackendView:
    """What is known through one backend, and since when."""

    ref: BackendRef
    sightedness: Sightedness
    as_of: datetime | None = None
    """When it last was whole (a completed listing or a change after one); None before the first."""
    problem: str = ""


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
        self._founded: defaultdict[AgentKey, set[TargetId]] = defaultdict(set)
        """Agents by the targets whose own labels name them whole."""
        self._keys_by_name: defaultdict[str, set[AgentKey]] = defaultdict(set)
        self._keys_by_class: defaultdict[str, set[AgentKey]] = defaultdict(set)
        self._by_name: defaultdict[str, set[TargetId]] = defaultdict(set)
        """Targets that claim every agent of a name."""
        self._by_class: defaultdict[str, set[TargetId]] = defaultdict(set)
        self._identities: dict[str, TargetId] = {}
        self._users: defaultdict[str, set[TargetId]] = defaultdict(set)
        """Process targets by the identity they run as."""
        self._declared: defaultdict[TargetId, set[AgentKey]] = defaultdict(set)
        self._declared_of: dict[AgentKey, tuple[TargetId, ...]] = {}
        self._backends = {ref: BackendView(ref, Sightedness.WAITING) for ref in backends}
        self._unlisted: dict[BackendRef, set[TargetId]] = {}
        """While a backend lists: its targets that this listing has not shown yet."""
        for declaration in declared:
            self._declare(declaration)

    def _declare(self, declaration: Declaration) -> None:
        known = self._declared_of.get(declaration.key, ())
        self._declared_of[declaration.key] = (*known, *declaration.targets)
        for target in declaration.targets:
            self._declared[target].add(declaration.key)
        self._index_key(declaration.key)

    # -- folding ---------------------------------------------------------------------------------------------------

    def fold(self, sighting: Sighting) -> Touched:
        """Take one sighting in; return which agents it changed."""
        match sighting:
            case TargetSighting():
                return self._see(sighting)
            case TargetGone():
                self._heard(sighting.target.backend, sighting.at)
                return self._forget(sighting.target)
            case ListingStarted():
                self._unlisted[sighting.backend] = {t for t in self._targets if t.backend == sighting.backend}
                self._set_backend(sighting.backend, Sightedness.LISTING)
                return _NOTHING
            case ListingComplete():
                return self._complete(sighting)
            case SightingFailed():
                self._fail(sighting)
                return _NOTHING

    def _see(self, seen: TargetSighting) -> Touched:
        if (unlisted := self._unlisted.get(seen.target.backend)) is not None:
            unlisted.discard(seen.target)
        self._heard(seen.target.backend, seen.seen_at)
        before = self._targets.get(seen.target)
        if before is None or _ties(before) != _ties(seen):
            touched = self._affected(before) if before else set()
            if before:
                self._unindex(before)
            self._targets[seen.target] = seen
            self._index(seen)
            touched |= self._affected(seen)
        else:
            self._targets[seen.target] = seen
            touched = self._affected(seen)
        return self._touched(touched)

    def _forget(self, target: TargetId) -> Touched:
        before = self._targets.get(target)
        if before is None:
            return _NOTHING
        touched = self._affected(before)
        self._unindex(before)
        del self._targets[target]
        return self._touched(touched)

    def _complete(self, complete: ListingComplete) -> Touched:
        touched = _NOTHING
        for target in self._unlisted.pop(complete.backend, set()):
            touched |= self._forget(target)
        self._set_backend(complete.backend, Sightedness.LIVE, as_of=complete.at)
        return touched

    def _fail(self, failed: SightingFailed) -> None:
        self._unlisted.pop(failed.backend, None)
        known = self._backends.get(failed.backend)
        listed = known is not None and known.as_of is not None
        self._backends[failed.backend] = BackendView(
            failed.backend,
            Sightedness.STALE if listed else Sightedness.FAILED,
            known.as_of if known else None,
            failed.problem,
        )

    def _heard(self, ref: BackendRef, at: datetime) -> None:
        known = self._backends.get(ref)
        if known and known.sightedness is Sightedness.LIVE:
            self._backends[ref] = replace(known, as_of=at)

    def _set_backend(self, ref: BackendRef, sightedness: Sightedness, *, as_of: datetime | None = None) -> None:
        known = self._backends.get(ref)
        self._backends[ref] = BackendView(ref, sightedness, as_of or (known.as_of if known else None))

    # -- indexes ---------------------------------------------------------------------------------------------------

    def _index(self, seen: TargetSighting) -> None:
        target = seen.target
        for claim in seen.claims:
            if key := _founds(seen, claim):
                self._founded[key].add(target)
                self._index_key(key)
            elif claim.agent:
                self._by_name[claim.agent].add(target)
            elif claim.agent_class:
                self._by_class[claim.agent_class].add(target)
        if seen.identity:
            self._identities[seen.identity] = target
        for runs_as in seen.runs_as:
            self._users[runs_as.identity].add(target)

    def _unindex(self, seen: TargetSighting) -> None:
        target = seen.target
        for claim in seen.claims:
            if key := _founds(seen, claim):
                _discard(self._founded, key, target)
                self._unindex_key(key)
            elif claim.agent:
                _discard(self._by_name, claim.agent, target)
            elif claim.agent_class:
                _discard(self._by_class, claim.agent_class, target)
        if seen.identity and self._identities.get(seen.identity) == target:
            del self._identities[seen.identity]
        for runs_as in seen.runs_as:
            _discard(self._users, runs_as.identity, target)

    def _index_key(self, key: AgentKey) -> None:
        self._keys_by_name[key.name].add(key)
        self._keys_by_class[key.agent_class].add(key)

    def _unindex_key(self, key: AgentKey) -> None:
        if key not in self._founded and key not in self._declared_of:
            _discard(self._keys_by_name, key.name, key)
            _discard(self._keys_by_class, key.agent_class, key)

    def _affected(self, seen: TargetSighting) -> set[AgentKey]:
        """Agents whose view this target is part of."""
        keys = set(self._declared.get(seen.target, ()))
        for claim in seen.claims:
            keys |= self._claimed(seen, claim)
        if seen.identity:
            for user in self._users.get(seen.identity, ()):
                keys |= self._direct_agents(user)
        return keys

    def _claimed(self, seen: TargetSighting, claim: Claim) -> set[AgentKey]:
        if key := _founds(seen, claim):
            return {key, _orphan(key.name)}
        if claim.agent:
            named = self._keys_by_name.get(claim.agent, set())
            return {key for key in named if _fits(claim, key)} | {_orphan(claim.agent)}
        return set(self._keys_by_class.get(claim.agent_class or "", ()))

    def _direct_agents(self, target: TargetId) -> set[AgentKey]:
        seen = self._targets[target]
        keys = {key for claim in seen.claims if (key := _founds(seen, claim))}
        return keys | self._declared.get(target, set())

    def _touched(self, keys: set[AgentKey]) -> Touched:
        gone = {key for key in keys if not self._exists(key)}
        return Touched(frozenset(keys - gone), frozenset(gone))

    def _exists(self, key: AgentKey) -> bool:
        if key in self._founded or key in self._declared_of:
            return True
        return key == _orphan(key.name) and key.name in self._by_name and not self._keys_by_name.get(key.name)

    # -- views -----------------------------------------------------------------------------------------------------

    @property
    def backends(self) -> tuple[BackendView, ...]:
        """What is known through each backend."""
        return tuple(self._backends.values())

    @property
    def blind(self) -> tuple[BackendView, ...]:
        """Backends that cannot see everything right now, so that agents or targets may be missing."""
        return tuple(view for view in self._backends.values() if view.sightedness is not Sightedness.LIVE)

    def __len__(self) -> int:
        return sum(1 for _ in self.keys())

    def keys(self) -> Iterator[AgentKey]:
        """All agents, in no particular order."""
        yield from self._founded
        yield from (key for key in self._declared_of if key not in self._founded)
        for name in self._by_name:
            if not self._keys_by_name.get(name):
                yield _orphan(name)

    def agent(self, key: AgentKey) -> Agent | None:
        """The frozen view of one agent, or None if it is not known."""
        if not self._exists(key):
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
        found = (self.agent(key) for key in sorted(key for key in self.keys() if scope.covers(key)))
        return [agent for agent in found if agent is not None]

    def bindings(self, key: AgentKey) -> tuple[Binding, ...]:
        """How an agent can be stopped: each target once, the most explicit way it is known first."""
        known: dict[TargetId, How] = {}
        for target, how in self._tied(key):
            known.setdefault(target, how)
        for target in list(known):
            for runs_as in self._runs_as(target):
                if role := self._identities.get(runs_as.identity):
                    known.setdefault(role, runs_as.how)
        layered = ((target, self._layer(target), how) for target, how in known.items())
        return tuple(sorted(Binding(target, layer, how) for target, layer, how in layered if layer))

    def _tied(self, key: AgentKey) -> Iterator[tuple[TargetId, How]]:
        """Targets bound to an agent by declaration or by their own claims, the most explicit first."""
        yield from ((target, How.DECLARED) for target in self._declared_of.get(key, ()))
        for target in self._founded.get(key, ()):
            seen = self._targets[target]
            yield from ((target, claim.how) for claim in seen.claims if _founds(seen, claim) == key)
        for target in self._by_name.get(key.name, ()):
            claims = self._targets[target].claims
            yield from ((target, c.how) for c in claims if c.agent == key.name and _fits(c, key))
        for target in self._by_class.get(key.agent_class, ()):
            claims = self._targets[target].claims
            yield from ((target, c.how) for c in claims if c.agent is None and c.agent_class == key.agent_class)

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
        runs_as = {r.identity for binding in self.bindings(key) for r in self._runs_as(binding.target)}
        return tuple(sorted(identity for identity in runs_as if identity not in self._identities))

    def target(self, target: TargetId) -> TargetSighting | None:
        """What was last seen of a target."""
        return self._targets.get(target)

    def agents_of(self, target: TargetId) -> frozenset[AgentKey]:
        """All agents that a change of this target would hit."""
        seen = self._targets.get(target)
        if seen is None:
            return frozenset(self._declared.get(target, ()))
        return frozenset(key for key in self._affected(seen) if self._exists(key))

    def unclassified(self) -> list[TargetSighting]:
        """Process targets that no agent is known to use: shown, so that nothing hides by lacking a label."""
        return [
            seen
            for seen in self._targets.values()
            if seen.layer is Layer.PROCESS and not seen.claims and seen.target not in self._declared
        ]


_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _ties(seen: TargetSighting) -> tuple[object, ...]:
    """What the indexes are made of: while this is equal, a new sighting needs no re-indexing."""
    return seen.claims, seen.identity, seen.runs_as, seen.layer


def _orphan(name: str) -> AgentKey:
    """The agent that a name-only claim stands for while nothing names it whole."""
    return AgentKey(UNCLASSIFIED, UNASSIGNED, name)


def _founds(seen: TargetSighting, claim: Claim) -> AgentKey | None:
    """The agent a claim names whole. A process target always does; others only with class and tenant."""
    if not claim.agent:
        return None
    if seen.layer is Layer.PROCESS or (claim.agent_class and claim.tenant):
        return AgentKey(claim.agent_class or UNCLASSIFIED, claim.tenant or UNASSIGNED, claim.agent)
    return None


def _fits(claim: Claim, key: AgentKey) -> bool:
    return (claim.agent_class in (None, key.agent_class)) and (claim.tenant in (None, key.tenant))


def _discard(index: dict[_K, set[_V]], key: _K, value: _V) -> None:
    """Take a value out of an index, and the key with it when it was the last."""
    if values := index.get(key):
        values.discard(value)
        if not values:
            del index[key]
