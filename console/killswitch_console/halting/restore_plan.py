"""What a restore would do and meet, found without changing anything: stages, changes, obstacles, what waits behind.

It is a forecast. The restore itself compares each target once more, stops at the first failure, and says what it met.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from killswitch_backends.problems import Gone, Problem
from killswitch_backends.protocol import Backend, Comparing, FieldChange, Order
from killswitch_backends.restores import ForeseesRestores, RestorePreflight
from killswitch_console.halting.means import Means
from killswitch_console.halting.overlap import Overlaps
from killswitch_console.halting.progress import TargetProgress, TargetState, by_backend, watch_of
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.restore_steps import chosen
from killswitch_console.halting.restoring import COMPARE_SECONDS
from killswitch_console.halting.staging import stages
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import Layer, TargetId

FORESEE_SECONDS: Final = 15.0
"""How long a platform may take to say what a restore would meet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRestore:
    """What a restore would do with one target."""

    target: TargetId
    layer: Layer
    agents: tuple[AgentKey, ...]
    state: TargetState
    action: str = ""
    """What it would be made again; empty where the platform does not say."""
    changes: tuple[FieldChange, ...] = ()
    """What is not as the halt left it: it would be set aside as a conflict."""
    obstacles: tuple[str, ...] = ()
    backlog: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """What could not be found out."""
    held_by: tuple[str, ...] = ()
    """Other halts that keep it halted."""

    @property
    def comes_back(self) -> bool:
        """Whether nothing that is known stands in the way."""
        return not (self.changes or self.obstacles or self.held_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStage:
    """Targets that would be put back together, and seen to work before the next stage."""

    name: str
    targets: tuple[PlannedRestore, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePlan:
    """What a restore of a halt, or of a part of it, would do and meet."""

    record: HaltRecord
    only: Scope | None
    takes_two: bool
    approved_by: tuple[str, ...]
    """Persons whose approval is good now."""
    stages: tuple[PlannedStage, ...] = field(default=())

    @property
    def targets(self) -> tuple[PlannedRestore, ...]:
        """All targets, in the order in which they would come back."""
        return tuple(target for stage in self.stages for target in stage.targets)


async def make_restore_plan(plan: RestorePlan, means: Means, order: Order, overlaps: Overlaps) -> RestorePlan:
    """Fill in a plan: ask every platform, each for as long as it may take, all beside each other."""
    due = [t for t in chosen(plan.record, plan.only) if t.state is not TargetState.RESTORED]
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(_ask(means.backends.get(ref), mine, order), name=f"foresee on {ref}")
            for ref, mine in by_backend(due).items()
        ]
    found = {one.target: one for task in asked for one in task.result()}
    planned = {
        target: replace(one, held_by=tuple(part.halt_id for part in overlaps.get(target, ()) if part.holds))
        for target, one in found.items()
    }
    return replace(
        plan,
        stages=tuple(
            PlannedStage(name=stage.name, targets=tuple(planned[t.target] for t in stage.targets))
            for stage in stages(due, plan.only or plan.record.header.scope)
        ),
    )


async def _ask(backend: Backend | None, targets: Sequence[TargetProgress], order: Order) -> list[PlannedRestore]:
    if backend is None:
        return [_unknown(target, "no connection to its platform is open") for target in targets]
    known = [target for target in targets if target.captured is not None]
    foreseen, changes = await asyncio.gather(_foresee(backend, known, order), _compare(backend, known, order))
    return [_planned(target, foreseen, changes) for target in targets]


def _planned(
    target: TargetProgress,
    foreseen: Mapping[TargetId, RestorePreflight] | str,
    changes: Mapping[TargetId, Sequence[FieldChange] | str],
) -> PlannedRestore:
    if target.captured is None:
        return replace(_unknown(target), obstacles=("what it was before is not known: compare it by hand",))
    changed = changes.get(target.target, ())
    unknown = (changed,) if isinstance(changed, str) else ()
    found = () if isinstance(changed, str) else tuple(changed)
    if isinstance(foreseen, str):
        return replace(_unknown(target, foreseen, *unknown), changes=found)
    preflight = foreseen.get(target.target, RestorePreflight(target.target, ""))
    return replace(
        _unknown(target, *preflight.unknown, *unknown),
        action=preflight.action,
        obstacles=preflight.obstacles,
        backlog=preflight.backlog,
        changes=found,
    )


def _unknown(target: TargetProgress, *why: str) -> PlannedRestore:
    return PlannedRestore(
        target=target.target, layer=target.layer, agents=target.agents, state=target.state, unknown=why
    )


async def _foresee(
    backend: Backend, targets: Sequence[TargetProgress], order: Order
) -> Mapping[TargetId, RestorePreflight] | str:
    """What the platform foresees; why not, where it does not."""
    if not isinstance(backend, ForeseesRestores):
        return "its platform cannot foresee restores"
    try:
        async with asyncio.timeout(FORESEE_SECONDS):
            return {one.target: one for one in await backend.foresee([watch_of(t) for t in targets], order)}
    except Problem as problem:
        return f"what it would meet could not be asked: {problem}"
    except TimeoutError:
        return f"what it would meet could not be asked within {FORESEE_SECONDS:g} s"


async def _compare(
    backend: Backend, targets: Sequence[TargetProgress], order: Order
) -> dict[TargetId, Sequence[FieldChange] | str]:
    """What changed since, by target; why that is not known, where it is not."""
    if not isinstance(backend, Comparing):
        return {}
    slots = asyncio.Semaphore(backend.budget.parallel)

    async def one(target: TargetProgress) -> Sequence[FieldChange] | str:
        try:
            async with slots, asyncio.timeout(COMPARE_SECONDS):
                return await backend.compare(watch_of(target), order)
        except Gone:
            return [FieldChange("the target itself", "there", "deleted")]
        except Problem as problem:
            return f"what changed since could not be asked: {problem.what}"
        except TimeoutError:
            return "what changed since could not be asked in time"

    answers = await asyncio.gather(*(one(target) for target in targets))
    return {target.target: answer for target, answer in zip(targets, answers, strict=True)}
