"""The guard of a canary drill: real backends that change nothing but targets tagged as canaries.

It stands between the engine and every backend, so that no plan, race or defect above it can reach anything else. A
target is a canary only while its platform's own listing of this session says so; what an earlier session knew does not
count.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from killswitch_backends.problems import Refused
from killswitch_backends.protocol import (
    Accepted,
    Backend,
    Budget,
    Captured,
    Comparing,
    Failure,
    FieldChange,
    Identity,
    Observation,
    Order,
    Preflight,
    Restored,
    ShowsInstances,
    Watch,
)
from killswitch_console.halting.plan import Plan, PlannedTarget
from killswitch_console.halting.sighting import Opener
from killswitch_inventory.sightings import Sighting, SightingFailed, TargetGone, TargetSighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId

_ITS_OWN: Final = frozenset({"HorizontalPodAutoscaler", "ScaledObject", "ScaledJob"})
"""Companions that can serve one workload only; any other one may stand behind what is no canary."""


class NotCanary(Refused):
    """A canary drill came to something that is not tagged as a canary; nothing was changed."""


class CanaryGuard:
    """Which targets are canaries now, and which of them this drill may put back."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._canaries: set[TargetId] = set()
        self._ours: set[TargetId] = set()

    def opener(self, opener: Opener) -> Opener:
        """Opens the same backend, guarded."""

        @asynccontextmanager
        async def opened() -> AsyncIterator[Backend]:
            async with opener() as backend:
                kind = _ShowingGuarded if isinstance(backend, ShowsInstances) else Guarded
                yield kind(backend, self)

        return opened

    def see(self, sighting: Sighting) -> None:
        """Learn from what a platform reports."""
        match sighting:
            case TargetSighting(canary=True):
                self._canaries.add(sighting.target)
            case TargetSighting() | TargetGone():
                self._canaries.discard(sighting.target)
            case SightingFailed():
                self._canaries = {t for t in self._canaries if t.backend != sighting.backend}
            case _:
                return

    def may_put_back(self, targets: Iterable[TargetId]) -> None:
        """A drill halted these, as the ledger says: putting them back is right whatever their tags say now."""
        self._ours |= set(targets)

    def admit_halt(self, captured: Captured) -> None:
        """Let one target be halted. Raises ``NotCanary``."""
        if objection := next(self._against(captured.target, captured), ""):
            raise NotCanary(str(captured.target), objection)
        self._ours.add(captured.target)

    def admit_restore(self, target: TargetId) -> None:
        """Let one target be put back. Raises ``NotCanary``."""
        if target not in self._ours:
            raise NotCanary(str(target), "no canary drill halted it")

    def objections(self, plan: Plan) -> list[str]:
        """Why a canary drill must not carry out a plan: everything in it that is no canary, or not alone."""
        found = [f"{v.ref} cannot be seen: {v.problem or v.sightedness}" for v in plan.blind]
        for target in plan.targets:
            found += [f"{target.target}: {why}" for why in self._against_planned(target)]
        for shared in plan.collateral:
            names = ", ".join(sorted(key.name for key in shared.agents))
            found.append(f"{shared.target}: {names} would be hit as well")
        return found or ([] if plan.targets else [f"{plan.scope}: nothing in it can be halted"])

    def _against_planned(self, planned: PlannedTarget) -> Iterator[str]:
        yield from self._against(planned.target, planned.captured)
        if planned.captured is None:
            yield f"its prior state cannot be read: {planned.problem or 'no answer'}"
        elif planned.captured.marked_by:
            yield f"halt {planned.captured.marked_by} is in force there"
        elif planned.captured.already_off:
            yield "it is off already: halting it would prove nothing"

    def _against(self, target: TargetId, captured: Captured | None) -> Iterator[str]:
        if target not in self._canaries:
            yield f"is not tagged {self._tag}"
        for companion in (captured.prior.get("companions") or ()) if captured else ():
            if companion.get("kind") not in _ITS_OWN:
                yield f"its {companion.get('kind')} {companion.get('name')} would be held too, and is no canary"


class Guarded:
    """A backend that does everything but halt or restore what the guard does not admit."""

    def __init__(self, backend: Backend, guard: CanaryGuard) -> None:
        self._backend, self._guard = backend, guard

    @property
    def ref(self) -> BackendRef:
        """See ``Backend``."""
        return self._backend.ref

    @property
    def layer(self) -> Layer:
        """See ``Backend``."""
        return self._backend.layer

    @property
    def budget(self) -> Budget:
        """See ``Backend``."""
        return self._backend.budget

    async def identity(self) -> Identity:
        """See ``Backend``."""
        return await self._backend.identity()

    async def sight(self) -> AsyncIterator[Sighting]:
        """See ``Backend``; the guard learns what is a canary."""
        async for sighting in self._backend.sight():
            self._guard.see(sighting)
            yield sighting

    async def preflight(self, targets: Sequence[TargetId]) -> Sequence[Preflight]:
        """See ``Backend``."""
        return await self._backend.preflight(targets)

    def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        """See ``Backend``."""
        return self._backend.capture(targets, fresh=fresh)

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        """See ``Backend``. Raises ``NotCanary`` before anything is asked of the platform."""
        self._guard.admit_halt(captured)
        return await self._backend.halt(captured, order)

    def observe(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        """See ``Backend``."""
        return self._backend.observe(watches)

    async def restore(self, watch: Watch, order: Order) -> Restored:
        """See ``Backend``. Raises ``NotCanary`` before anything is asked of the platform."""
        self._guard.admit_restore(watch.target)
        return await self._backend.restore(watch, order)

    async def compare(self, watch: Watch, order: Order) -> Sequence[FieldChange]:
        """See ``Comparing``; a backend that cannot compare finds nothing."""
        return await self._backend.compare(watch, order) if isinstance(self._backend, Comparing) else ()


class _ShowingGuarded(Guarded):
    """The same, of a backend that shows instances."""

    @property
    def shows_instances(self) -> bool:
        """See ``ShowsInstances``."""
        return isinstance(self._backend, ShowsInstances) and self._backend.shows_instances
