"""Which targets stop serving when another is halted, by what each target says it needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from killswitch_inventory.targets import TargetId


class Dependence:
    """An index from a target to those that need it. Knows ids only."""

    def __init__(self) -> None:
        self._needs: dict[TargetId, frozenset[TargetId]] = {}
        self._needed_by: defaultdict[TargetId, set[TargetId]] = defaultdict(set)

    def put(self, target: TargetId, needs: Iterable[TargetId]) -> None:
        """What a target needs now, in the place of what it needed."""
        new, old = frozenset(needs), self._needs.pop(target, frozenset())
        if new:
            self._needs[target] = new
        for need in old - new:
            self._needed_by[need].discard(target)
            if not self._needed_by[need]:
                del self._needed_by[need]
        for need in new - old:
            self._needed_by[need].add(target)

    def dependants(self, target: TargetId) -> frozenset[TargetId]:
        """Every target that needs this one, directly or through others; never the target itself."""
        found: set[TargetId] = set()
        ahead = [target]
        while ahead:
            fresh = self._needed_by.get(ahead.pop(), set()) - found
            found |= fresh
            ahead += fresh
        return frozenset(found - {target})
