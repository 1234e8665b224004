"""Putting one function back exactly: reservation, provisioned concurrency, what scales that, event sources last.

Each field may be as the halt left it or, after a restore that was cut short, as it was before; anything else is
somebody else's work, and nothing is changed. Everything is read back before it counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.calls import platform_code
from killswitch_backends.aws_common.outcomes import outcome, problems_of
from killswitch_backends.aws_common.tags import another_halts, mark_in, ours
from killswitch_backends.aws_lambda import autoscaling, durable, managed
from killswitch_backends.aws_lambda.api import LambdaApi
from killswitch_backends.aws_lambda.functions import Reading, Scaling
from killswitch_backends.aws_lambda.prior import Prior
from killswitch_backends.aws_lambda.sighting import shown
from killswitch_backends.problems import Conflict, Gone, Problem, Refused, Unreachable
from killswitch_backends.protocol import Evidence, FieldChange, Grade, Json, Order, Restored, Watch
from killswitch_inventory.sightings import HaltMark

READ_BACKS, READ_BACK_PAUSE = 8, 0.5
_NO_ROOM = frozenset({"InvalidParameterValueException", "LimitExceededException"})


@dataclass(frozen=True, slots=True)
class Present:
    """The restorable fields as they are now."""

    reading: Reading
    reserved: int | None
    provisioned: Mapping[str, int]
    feeding: Mapping[str, bool | None]
    """Of the event sources the halt disabled: enabled now, or None when gone."""
    scaling: Scaling = field(default_factory=dict)
    durable: Mapping[str, str] = field(default_factory=dict)
    """Status of its durable executions that have not ended."""
    scalers: autoscaling.Scalers = field(default_factory=dict)
    """Of what auto scaling keeps of it, what the halt suspended; missing when it is gone."""


@dataclass(slots=True)
class Restoring:
    """One function being restored."""

    api: LambdaApi
    watch: Watch
    order: Order
    now: Callable[[], datetime]
    prior: Prior = field(init=False)
    disabled: list[str] = field(init=False)
    """The event sources that the halt disabled (all that were enabled, if its record does not say)."""
    suspended: list[str] = field(init=False)
    """The versions and aliases whose auto scaling the halt suspended (as above)."""

    def __post_init__(self) -> None:
        self.prior = Prior.parse(self.watch.captured.prior)
        left: Mapping[str, Json] = self.watch.accepted.halted.get(
            "event_sources", dict.fromkeys(self.prior.feeding, False)
        )
        self.disabled = sorted(uuid for uuid in self.prior.feeding if uuid in left)
        done: Sequence[Json] = self.watch.accepted.halted.get("auto_scaling", self.prior.unsuspended)
        self.suspended = [qualifier for qualifier in self.prior.unsuspended if qualifier in done]

    @property
    def name(self) -> str:
        return self.watch.target.path

    async def run(self) -> Restored:
        """Restore, or change nothing.

        Raises:
            Conflict: a field is neither as the halt left it nor as it was.
            Refused: AWS does not allow the prior state any more.
            Problem: repeat it.
        """
        present = await self._present()
        if changes := self._changes(present):
            raise Conflict(str(self.watch.target), changes)
        await self._put_back(present)
        await self._unmark(present.reading)
        return await self._read_back()

    async def compare(self) -> list[FieldChange]:
        """For which fields ``run`` would raise ``Conflict``; changes nothing. Raises a ``Problem``."""
        return self._changes(await self._present())

    async def left(self) -> tuple[HaltMark | None, list[FieldChange]]:
        """The mark that it carries, and which fields are not as before the halt; changes nothing."""
        present = await self._present()
        unequal = [change for change in self._unequal(present) if change.field != "halt mark"]
        return mark_in(present.reading.tags), unequal

    async def _present(self) -> Present:
        """Read every field; a reservation that GetFunction does not show is asked for the other way."""
        reading = await self.api.read(self.name, Urgency.HALT)
        reserved = reading.reserved
        if reserved is None and self.prior.scaling is None:
            reserved = await self.api.reserved(self.name, Urgency.HALT)
        provisioned = await self.api.provisioned(self.name, Urgency.HALT) if self.prior.provisioned else {}
        feeding = {uuid: await self._enabled(uuid) for uuid in self.disabled}
        scaling = self.prior.scaling and await managed.scaling(self.api, self.name, self.prior.scaling, Urgency.HALT)
        alive = await durable.executions(self.api, self.name, Urgency.HALT) if reading.function.durable else {}
        scalers = await autoscaling.of_function(self.api, self.name, self.suspended, Urgency.HALT)
        return Present(reading, reserved, provisioned, feeding, scaling or {}, alive, scalers)

    async def _enabled(self, uuid: str) -> bool | None:
        source = await outcome(self.api.event_source(self.name, uuid, Urgency.HALT))
        if isinstance(source, Gone):
            return None
        if isinstance(source, Problem):
            raise source
        return source.enabled

    def _changes(self, present: Present) -> list[FieldChange]:
        changes: list[FieldChange] = []
        for version, pair in present.scaling.items():
            if pair not in (managed.NONE, (self.prior.scaling or {}).get(version, managed.NONE)):
                changes.append(FieldChange(f"scaling of {version}", list(managed.NONE), list(pair)))
        if present.reserved not in (0, self.prior.reserved):
            changes.append(FieldChange("reserved", 0, present.reserved))
        for qualifier, executions in present.provisioned.items():
            if self.prior.provisioned.get(qualifier) != executions:
                changes.append(FieldChange(f"provisioned {qualifier}", None, executions))
        changes += self._scaled_otherwise(present)
        for uuid, enabled in present.feeding.items():
            if enabled is None:
                changes.append(FieldChange(f"event source {uuid}", False, None))
            elif enabled and present.reserved != self.prior.reserved:
                changes.append(FieldChange(f"event source {uuid}", False, True))
        if other := another_halts(present.reading.tags, self.order.halt_id, self.watch.captured.marked_by):
            changes.append(FieldChange("halt mark", self.order.halt_id, other))
        return changes

    def _scaled_otherwise(self, present: Present) -> Iterator[FieldChange]:
        """What auto scaling keeps, neither suspended whole nor as it was before."""
        for qualifier in self.suspended:
            found = present.scalers.get(qualifier)
            if found not in (autoscaling.WHOLE, self.prior.scalers[qualifier]):
                yield FieldChange(f"auto scaling of {qualifier}", "suspended", found and list(found))

    def _paused(self, present: Present) -> list[str]:
        """What this halt paused: it has not ended, is (being) paused, and was not paused before."""
        waiting = (durable.PAUSED, durable.PAUSING)
        paused = (arn for arn, status in present.durable.items() if status in waiting)
        return sorted(arn for arn in paused if self.prior.durable.get(arn) != durable.PAUSED)

    async def _rescale(self, present: Present) -> None:
        wrong = {v: pair for v, pair in (self.prior.scaling or {}).items() if present.scaling.get(v, pair) != pair}
        scaling = [managed.scale(self.api, self.name, version, pair) for version, pair in wrong.items()]
        if problems := await problems_of(scaling):
            raise problems[0]

    async def _put_back(self, present: Present) -> None:
        await self._rescale(present)
        if present.reserved != self.prior.reserved:
            await self._allowed(self.api.reserve(self.name, self.prior.reserved), self.prior.reserved or 0)
        missing = {q: n for q, n in self.prior.provisioned.items() if present.provisioned.get(q) != n}
        provisioning = [self._allowed(self.api.provision(self.name, q, n), n) for q, n in missing.items()]
        if problems := await problems_of(provisioning):
            raise problems[0]
        if problems := await problems_of([self._resume(qualifier) for qualifier in self.suspended]):
            raise problems[0]
        resumed = [durable.resume(self.api, self.name, arn, self.order.halt_id) for arn in self._paused(present)]
        if problems := await problems_of(resumed):
            raise problems[0]
        asleep = [uuid for uuid, enabled in present.feeding.items() if not enabled]
        if problems := await problems_of([self.api.feed(self.name, uuid, enabled=True) for uuid in asleep]):
            raise problems[0]

    async def _resume(self, qualifier: str) -> None:
        """Let auto scaling go on as it did: after what it keeps is there again."""
        await autoscaling.suspend(self.api, self.name, qualifier, self.prior.scalers[qualifier])

    async def _allowed(self, change: Awaitable[object], executions: int) -> None:
        """Make a change that the account's pool of unreserved executions may refuse, and say what to do then."""
        try:
            await change
        except Refused as problem:
            if platform_code(problem) not in _NO_ROOM:
                raise
            raise Refused(
                str(self.watch.target),
                problem.what,
                todo=f"free {executions} executions (lower another function's reservation, or raise the account's "
                "limit), then restore again",
            ) from problem

    async def _unmark(self, reading: Reading) -> None:
        keys = [key for key in ours(reading.tags) if key not in self.prior.tags]
        if keys:
            await self.api.untag(reading.function, keys, Urgency.HALT)

    async def _read_back(self) -> Restored:
        present = await self._present()
        for _ in range(READ_BACKS):
            if not self._paused(present):
                break
            await asyncio.sleep(READ_BACK_PAUSE)  # a resume is taken up within seconds of its 202
            present = await self._present()
        unequal = [change.field for change in self._unequal(present)]
        if unequal:
            raise Unreachable(str(self.watch.target), f"restored, but reads back differently: {', '.join(unequal)}")
        at = self.now()
        detail = f"read back: reserved {shown(present.reserved)}, {len(present.feeding)} event sources enabled, \
provisioned concurrency on {len(present.provisioned)} qualifiers, no halt mark"
        return Restored(self.watch.target, at, Evidence(Grade.OBSERVED, detail, at))

    def _unequal(self, present: Present) -> list[FieldChange]:
        found: list[FieldChange] = []
        if present.reserved != self.prior.reserved:
            found.append(FieldChange("reserved", self.prior.reserved, present.reserved))
        if dict(present.provisioned) != dict(self.prior.provisioned):
            found.append(FieldChange("provisioned", dict(self.prior.provisioned), dict(present.provisioned)))
        for uuid, enabled in present.feeding.items():
            if not enabled:
                found.append(FieldChange(f"event source {uuid}", True, enabled))
        for qualifier in self.suspended:
            if (kept := present.scalers.get(qualifier)) != self.prior.scalers[qualifier]:
                wanted = list(self.prior.scalers[qualifier])
                found.append(FieldChange(f"auto scaling of {qualifier}", wanted, kept and list(kept)))
        for version, pair in present.scaling.items():
            if pair != (self.prior.scaling or {}).get(version):
                found.append(FieldChange(f"scaling of {version}", None, list(pair)))
        found += [FieldChange(f"durable execution {arn}", durable.RUNNING, "PAUSED") for arn in self._paused(present)]
        left = {key: value for key, value in ours(present.reading.tags).items() if key not in self.prior.tags}
        if left:
            found.append(FieldChange("halt mark", None, sorted(left)))
        return found
