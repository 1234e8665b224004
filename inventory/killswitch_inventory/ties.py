"""Who is tied to what: the indexes that let the fleet answer for one agent or one target without looking at the rest.

Apart from the fleet because these are the rules of binding (whose label names whom, who runs as which identity); the
fleet keeps what was seen and when. The rules do not depend on the order in which anything was seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TypeVar

from killswitch_inventory.agents import UNASSIGNED, UNCLASSIFIED, AgentKey, How
from killswitch_inventory.sightings import Claim, TargetSighting
from killswitch_inventory.targets import Layer, TargetId

_K = TypeVar("_K")
_V = TypeVar("_V")


class Ties:
    """Indexes over sighted targets. Whoever changes ``targets`` calls ``remove`` before and ``add`` after."""

    def __init__(self, targets: Mapping[TargetId, TargetSighting]) -> None:
        self._targets = targets
        self._founded: defaultdict[AgentKey, set[TargetId]] = defaultdict(set)
        """Agents by the targets whose own labels name them whole."""
        self._keys_by_name: defaultdict[str, set[AgentKey]] = defaultdict(set)
        self._keys_by_class: defaultdict[str, set[AgentKey]] = defaultdict(set)
        self._by_name: defaultdict[str, set[TargetId]] = defaultdict(set)
        """Targets that claim every agent of a name."""
        self._by_class: defaultdict[str, set[TargetId]] = defaultdict(set)
        self._identities: defaultdict[str, set[TargetId]] = defaultdict(set)
        """Targets by the identity they are: one role may be seen through two tables."""
        self._users: defaultdict[str, set[TargetId]] = defaultdict(set)
        """Process targets by the identity they run as."""
        self._declared: defaultdict[TargetId, set[AgentKey]] = defaultdict(set)
        self._declared_of: dict[AgentKey, tuple[TargetId, ...]] = {}

    def declare(self, key: AgentKey, targets: tuple[TargetId, ...]) -> None:
        """Tie an agent to targets whether or not they are ever seen."""
        self._declared_of[key] = (*self._declared_of.get(key, ()), *targets)
        for target in targets:
            self._declared[target].add(key)
        self._index_key(key)

    def add(self, seen: TargetSighting) -> None:
        """Take a sighting's ties in."""
        target = seen.target
        for claim in seen.claims:
            if key := _founds(seen, claim):
                self._founded[key].add(target)
                self._index_key(key)
            elif claim.agent:
                self._by_name[claim.agent].add(target)
            elif claim.agent_class:
                self._by_class[claim.agent_class].add(target)
        for identity in _identities(seen):
            self._identities[identity].add(target)
        for runs_as in seen.runs_as:
            self._users[runs_as.identity].add(target)

    def remove(self, seen: TargetSighting) -> None:
        """Take a sighting's ties out."""
        target = seen.target
        for claim in seen.claims:
            if key := _founds(seen, claim):
                _discard(self._founded, key, target)
                self._unindex_key(key)
            elif claim.agent:
                _discard(self._by_name, claim.agent, target)
            elif claim.agent_class:
                _discard(self._by_class, claim.agent_class, target)
        for identity in _identities(seen):
            _discard(self._identities, identity, target)
        for runs_as in seen.runs_as:
            _discard(self._users, runs_as.identity, target)

    def _index_key(self, key: AgentKey) -> None:
        self._keys_by_name[key.name].add(key)
        self._keys_by_class[key.agent_class].add(key)

    def _unindex_key(self, key: AgentKey) -> None:
        if not self._is_whole(key):
            _discard(self._keys_by_name, key.name, key)
            _discard(self._keys_by_class, key.agent_class, key)

    def _is_whole(self, key: AgentKey) -> bool:
        return key in self._founded or key in self._declared_of

    def _is_orphan(self, key: AgentKey) -> bool:
        """Whether it stands for name-only claims, because nothing names an agent of that name whole."""
        return key == _orphan(key.name) and key.name in self._by_name and not self._keys_by_name.get(key.name)

    # -- questions -------------------------------------------------------------------------------------------------

    def keys(self) -> Iterator[AgentKey]:
        """All agents, in no particular order."""
        yield from self._founded
        yield from (key for key in self._declared_of if key not in self._founded)
        for name in self._by_name:
            if not self._keys_by_name.get(name):
                yield _orphan(name)

    def exists(self, key: AgentKey) -> bool:
        """Whether anything seen or declared makes it an agent."""
        return self._is_whole(key) or self._is_orphan(key)

    def is_declared(self, target: TargetId) -> bool:
        """Whether the configuration ties an agent to it."""
        return target in self._declared

    def declared(self, target: TargetId) -> frozenset[AgentKey]:
        """The agents that the configuration ties to it."""
        return frozenset(self._declared.get(target, ()))

    def of(self, key: AgentKey) -> dict[TargetId, How]:
        """How an agent can be stopped: each target once, by the most explicit way it is known."""
        known: dict[TargetId, How] = {}
        for target, how in sorted(self._direct(key), key=lambda tie: _EXPLICIT[tie[1]]):
            known.setdefault(target, how)
        for target in sorted(known):
            if seen := self._targets.get(target):
                for runs_as in seen.runs_as:
                    for role in self._identities.get(runs_as.identity, ()):
                        known.setdefault(role, runs_as.how)
        return known

    def targets(self, key: AgentKey) -> set[TargetId]:
        """The same targets as ``of``, without how they are known: several times faster, for going through many."""
        direct = {*self._declared_of.get(key, ()), *self._founded.get(key, ())}
        direct.update(target for target, _ in self._claiming_in_part(key))
        seen = (found for target in direct if (found := self._targets.get(target)))
        identities = {runs_as.identity for found in seen for runs_as in found.runs_as}
        return direct.union(*(self._identities.get(identity, ()) for identity in identities))

    def _direct(self, key: AgentKey) -> Iterator[tuple[TargetId, How]]:
        """Targets bound to an agent by declaration or by their own claims."""
        yield from ((target, How.DECLARED) for target in self._declared_of.get(key, ()))
        for target in self._founded.get(key, ()):
            seen = self._targets[target]
            yield from ((target, claim.how) for claim in seen.claims if _founds(seen, claim) == key)
        yield from self._claiming_in_part(key)

    def _claiming_in_part(self, key: AgentKey) -> Iterator[tuple[TargetId, How]]:
        """Targets whose claims name less than a whole agent, and fit this one: by name, or by class alone."""
        orphan = self._is_orphan(key)
        for target in self._by_name.get(key.name, ()):
            seen = self._targets[target]
            named = (c for c in seen.claims if c.agent == key.name and not _founds(seen, c))
            yield from ((target, c.how) for c in named if orphan or _fits(c, key))
        for target in self._by_class.get(key.agent_class, ()):
            claims = self._targets[target].claims
            yield from ((target, c.how) for c in claims if c.agent is None and c.agent_class == key.agent_class)

    def affected(self, seen: TargetSighting) -> set[AgentKey]:
        """Agents whose view a target is part of."""
        keys = self._directly(seen)
        for identity in _identities(seen):
            for user in self._users.get(identity, ()):
                keys |= self._directly(self._targets[user])
        return keys

    def _directly(self, seen: TargetSighting) -> set[AgentKey]:
        keys = set(self._declared.get(seen.target, ()))
        for claim in seen.claims:
            keys |= self._claimed(seen, claim)
        return keys

    def _claimed(self, seen: TargetSighting, claim: Claim) -> set[AgentKey]:
        if key := _founds(seen, claim):
            return {key}
        if claim.agent:
            named = self._keys_by_name.get(claim.agent)
            return {key for key in named if _fits(claim, key)} if named else {_orphan(claim.agent)}
        return set(self._keys_by_class.get(claim.agent_class or "", ()))

    def orphans_of(self, seen: TargetSighting) -> set[AgentKey]:
        """The orphans that a sighting makes or ends by naming agents whole; they need not exist."""
        return {_orphan(claim.agent) for claim in seen.claims if claim.agent}

    def is_seen(self, identity: str) -> bool:
        """Whether any target is this identity."""
        return identity in self._identities


_EXPLICIT = {how: rank for rank, how in enumerate(How)}


def same_ties(one: TargetSighting, other: TargetSighting) -> bool:
    """Whether a new sighting of a target needs no new indexing."""
    return (one.claims, _identities(one), one.runs_as, one.layer) == (
        other.claims,
        _identities(other),
        other.runs_as,
        other.layer,
    )


def _identities(seen: TargetSighting) -> tuple[str, ...]:
    """Every name of the identity that a target is."""
    return (seen.identity, *seen.aliases) if seen.identity else seen.aliases


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
