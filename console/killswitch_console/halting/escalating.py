"""From graceful to force, for laggards: what was told to end and has not ended yet is ended without its grace.

The halt itself goes on as it is: its run keeps observing, and what stopped is proven in the same way. Only processes
have a grace to lose; a credential or a flag cannot be forced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Backend, Order, Profile
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_inventory.targets import BackendRef, Layer, TargetId

ESCALATE_SECONDS = 30.0
_LAGGING = (TargetState.ACCEPTED, TargetState.DRAINING, TargetState.UNKNOWN, TargetState.REVIVED)


@dataclass(frozen=True, slots=True)
class Escalated:
    """What came of one laggard's escalation: in words, or the problem."""

    target: TargetId
    detail: str = ""
    problem: str = ""


def laggards(record: HaltRecord, only: Collection[TargetId] | None = None) -> tuple[TargetProgress, ...]:
    """The processes of a halt (all, or of these) that were told to end and are not proven to have ended."""
    return tuple(
        target
        for target in record.targets
        if (only is None or target.target in only)
        and target.layer is Layer.PROCESS
        and target.accepted is not None
        and target.state in _LAGGING
        and target.holds
    )


async def escalate(
    record: HaltRecord,
    *,
    backends: Mapping[BackendRef, Backend],
    order: Order,
    only: Collection[TargetId] | None = None,
) -> tuple[Escalated, ...]:
    """End laggards (of these targets, or all) without their grace, all at once. One's failure delays no other."""
    forced = replace(order, profile=Profile.FORCE)
    async with asyncio.TaskGroup() as tasks:
        done = [
            tasks.create_task(
                _force(target, backends.get(target.target.backend), forced), name=f"force {target.target}"
            )
            for target in laggards(record, only)
        ]
    return tuple(task.result() for task in done)


async def _force(target: TargetProgress, backend: Backend | None, order: Order) -> Escalated:
    if backend is None or target.captured is None:
        return Escalated(target.target, problem=f"{target.target.backend} is not open")
    try:
        async with asyncio.timeout(ESCALATE_SECONDS):
            accepted = await backend.halt(target.captured, order)
    except Problem as problem:
        return Escalated(target.target, problem=str(problem))
    except TimeoutError:
        return Escalated(target.target, problem=f"no answer within {ESCALATE_SECONDS:g} s")
    except Exception as defect:  # noqa: BLE001  (a defect met at one target must not stop the others)
        return Escalated(target.target, problem=f"internal error: {defect!r}")
    return Escalated(target.target, detail=accepted.detail)
