"""One open Lambda table: the protocol's operations, each handed to the module that knows how."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from killswitch_backends.ages import Age
from killswitch_backends.attribution import Deed
from killswitch_backends.aws_common.budget import Budgets, Urgency
from killswitch_backends.aws_common.calls import Aws
from killswitch_backends.aws_common.listing import relisted
from killswitch_backends.aws_common.marking import Marks
from killswitch_backends.aws_common.tags import HALT_ID, RESTORE_AT, RESTORER, announcement_tags, mark_in
from killswitch_backends.aws_common.trail import latest
from killswitch_backends.aws_common.watching import SLACK_SECONDS, observations
from killswitch_backends.aws_lambda.api import BURST, LambdaApi
from killswitch_backends.aws_lambda.bounds import RunLimits
from killswitch_backends.aws_lambda.foreseeing import Foreseer
from killswitch_backends.aws_lambda.functions import Reading, State, check_name
from killswitch_backends.aws_lambda.halting import Halting, tags_of
from killswitch_backends.aws_lambda.observing import PACE, look
from killswitch_backends.aws_lambda.planning import plan_of
from killswitch_backends.aws_lambda.prior import Prior, prior_of
from killswitch_backends.aws_lambda.reading import Unread, read_states
from killswitch_backends.aws_lambda.record import Record
from killswitch_backends.aws_lambda.restoring import Restoring
from killswitch_backends.aws_lambda.settings import LambdaSettings
from killswitch_backends.checking import Finding
from killswitch_backends.marks import Unmarked
from killswitch_backends.problems import Problem, Refused, Unsupported
from killswitch_backends.protocol import (
    Accepted,
    Budget,
    Captured,
    Failure,
    FieldChange,
    Identity,
    Observation,
    Order,
    Preflight,
    Restored,
    Surroundings,
    Watch,
)
from killswitch_backends.recalling import Recalled, RecordedCall
from killswitch_backends.restores import RestoredElsewhere, RestorePreflight, told_of
from killswitch_inventory.sightings import HaltMark, Sighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId

REFRESH_SECONDS = 30.0
"""Pause between two listings; a listing itself takes what the budget's background share allows."""
PARALLEL = 32
ZEROING = ("PutFunctionConcurrency", "PutFunctionScalingConfig")
"""What CloudTrail calls the changes that can bring a function to zero (with a date behind the name)."""


class LambdaBackend:
    """Lambda functions of one account and region. Implements ``protocol.Backend``."""

    layer = Layer.PROCESS

    def __init__(
        self,
        *,
        ref: BackendRef,
        aws: Aws,
        settings: LambdaSettings,
        budgets: Budgets,
        marks: Marks,
        surroundings: Surroundings,
    ) -> None:
        self.ref = ref
        self._budgets = budgets
        self._aws, self._marks, self._now = aws, marks, surroundings.now
        self._rate, self._limits = settings.calls_per_second, RunLimits.of(settings)
        self._api = LambdaApi(aws, budgets, self._rate)
        self._record = Record(self._api, aws, ref, surroundings.labels, surroundings.now)
        self._in_force: dict[TargetId, str] = {}
        """Halts this process put into force, by target: what may be re-asserted over a revival."""

    @property
    def budget(self) -> Budget:
        return Budget(self._rate, burst=BURST, parallel=PARALLEL)

    @property
    def unanswered_since(self) -> float | None:
        """See ``protocol.TellsAnswers``."""
        return self._aws.hearing.asked_at

    async def identity(self) -> Identity:
        return await self._aws.identity()

    async def check(self) -> Sequence[Finding]:
        """See ``checking.Checkable``."""
        from killswitch_backends.aws_common.checking import Check
        from killswitch_backends.aws_lambda.rights import NEEDS

        return await Check(self._aws, NEEDS, self._now).run()

    async def ages(self) -> Sequence[Age]:
        """See ``ages.TellsAges``."""
        from killswitch_backends.aws_common.ages import ages

        return await ages(self._aws)

    def sight(self) -> AsyncIterator[Sighting]:
        return relisted(self._record.listing, ref=self.ref, every=REFRESH_SECONDS, now=self._now)

    async def preflight(self, targets: Sequence[TargetId]) -> Sequence[Preflight]:
        found: dict[TargetId, Preflight] = {}
        async for target, state in self._states(targets, fresh=False):
            if isinstance(state, Unsupported):
                found[target] = Preflight(target, "none", 0, unsupported=f"{state.what}; {state.todo}")
            elif isinstance(state, Problem):
                found[target] = Preflight(target, "reserve 0", 1, risks=(f"not read: {state.what}",))
            else:
                found[target] = plan_of(target, state)
        return [found[target] for target in targets]

    async def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        async for target, state in self._states(targets, fresh=fresh):
            yield Failure(target, state) if isinstance(state, Problem) else _captured(target, state)

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        target = captured.target
        pinned = self._in_force.get(target) == order.halt_id
        halting = Halting(self._api, captured, order, self._limits, self._now, pinned_before=pinned)
        accepted, reading = await halting.run()
        self._in_force[target] = order.halt_id
        self._record.forget(target.path)
        tags = tags_of(order, Prior.parse(captured.before))
        if any(reading.tags.get(key) != value for key, value in tags.items()):
            self._marks.write(target, order.halt_id, partial(self._api.tag, reading.function, tags, Urgency.MARK))
        return replace(accepted, halted={**accepted.halted, "mark": tags})

    def _remark(self, watch: Watch, reading: Reading) -> None:
        """Write the mark that a halt's process did not live to write: whoever holds or resumes the halt finishes it."""
        tags = watch.accepted.halted.get("mark")
        known = self._marks.busy(watch.target) or self._marks.failure(watch.target)
        if tags and not known and not watch.captured.already_off:
            write = partial(self._api.tag, reading.function, dict(tags), Urgency.MARK)
            self._marks.write(watch.target, str(tags[HALT_ID]), write)

    async def finish_marks(self) -> None:
        """See ``marks.MarksBehind``."""
        await self._marks.finish()

    def unmarked(self) -> Sequence[Unmarked]:
        """See ``marks.MarksBehind``."""
        return self._marks.unmarked()

    def observe(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        return observations(watches, self._look, pace=PACE, now=self._now)

    async def compare(self, watch: Watch, order: Order) -> Sequence[FieldChange]:
        """See ``protocol.Comparing``."""
        return await Restoring(self._api, watch, order, self._now).compare()

    async def restore(self, watch: Watch, order: Order) -> Restored:
        await self._marks.settle(watch.target, order.halt_id)
        restored = await Restoring(self._api, watch, order, self._now).run()
        self._in_force.pop(watch.target, None)
        self._record.forget(watch.target.path)
        return restored

    async def foresee(self, watches: Sequence[Watch], order: Order) -> Sequence[RestorePreflight]:
        """See ``restores.ForeseesRestores``."""
        del order
        return await Foreseer(self._aws, self._api, self._now).foresee(watches)

    announces = True

    def notice_seconds(self, targets: int) -> float:
        """See ``restores.SharesRestores``."""
        return PACE.interval(targets) + SLACK_SECONDS

    async def announce(self, watch: Watch, order: Order) -> None:
        """See ``restores.SharesRestores``."""
        reading = await self._api.read(watch.target.path, Urgency.HALT)
        await self._api.tag(reading.function, announcement_tags(order), Urgency.HALT)

    async def withdraw(self, watch: Watch, order: Order) -> None:
        """See ``restores.SharesRestores``."""
        del order
        reading = await self._api.read(watch.target.path, Urgency.HALT)
        await self._api.untag(reading.function, [RESTORER, RESTORE_AT], Urgency.HALT)

    async def elsewhere(self, watch: Watch, order: Order, announced: HaltMark | None) -> RestoredElsewhere | None:
        """See ``restores.SharesRestores``; without an announcement nothing is asked."""
        if announced is None:
            return None
        found, left = await Restoring(self._api, watch, order, self._now).left()
        return told_of(announced, found, self._now(), left)

    async def read_whole(self) -> None:
        """See ``attribution.ReadsLater``."""
        await self._record.whole.wait()

    async def deeds(self, targets: Sequence[TargetId]) -> Mapping[TargetId, Deed]:
        """Who brought these functions to zero lately, as CloudTrail tells (``attribution.Attributing``)."""
        return await latest(self._aws, self._budgets, {target: target.path for target in targets}, ZEROING)

    async def recall(self, calls: Sequence[RecordedCall]) -> Sequence[Recalled]:
        """See ``recalling.Recalling``: from CloudTrail's event history."""
        from killswitch_backends.aws_common.recalling import recalled

        names = {call: call.target.path for call in calls}
        return await recalled(self._aws, self._budgets, calls, names=names, now=self._now())

    async def _look(self, watch: Watch) -> Observation:
        unmarked, remark = self._marks.failure(watch.target), partial(self._remark, watch)
        return await look(self._api, watch, self._limits, self._now, unmarked=unmarked, remark=remark)

    async def _states(
        self, targets: Sequence[TargetId], *, fresh: bool
    ) -> AsyncIterator[tuple[TargetId, State | Problem]]:
        """The state of each target: from the record where that will do, else read now."""
        missing: dict[str, TargetId] = {}
        for target in targets:
            try:
                check_name(target)
            except (Refused, Unsupported) as problem:
                yield target, problem
                continue
            known = None if fresh else self._record.recall(target.path)
            if known is None:
                missing[target.path] = target
            else:
                yield target, known
        if not missing:
            return
        try:
            async for state in read_states(self._api, self._aws, list(missing), now=self._now, urgency=Urgency.HALT):
                name = state.name if isinstance(state, Unread) else state.function.name
                yield missing.pop(name), state.problem if isinstance(state, Unread) else state
        except Problem as problem:
            for target in missing.values():
                yield target, problem


def _captured(target: TargetId, state: State) -> Captured:
    mark = mark_in(state.tags)
    prior = prior_of(state)
    return Captured(
        target=target,
        prior=prior.json(),
        at=state.read_at,
        running=state.executions or 0,
        marked_by=mark.halt_id if mark else None,
        already_off=prior.off,
    )
