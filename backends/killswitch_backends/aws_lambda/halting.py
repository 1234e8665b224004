"""Halting one function: every step idempotent, all taken at once as far as the platform allows.

Without provisioned concurrency the reservation goes to 0 at once, beside its event sources; with it, AWS refuses 0
until each provisioned configuration is deleted. The mark follows behind (marking.py) and can fail without harm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.calls import platform_code
from killswitch_backends.aws_common.errors import BUSY
from killswitch_backends.aws_common.outcomes import problems_of, retryable
from killswitch_backends.aws_common.tags import mark_tags, marked_by, stamp
from killswitch_backends.aws_lambda import autoscaling, durable, managed
from killswitch_backends.aws_lambda.api import LambdaApi
from killswitch_backends.aws_lambda.bounds import RunLimits
from killswitch_backends.aws_lambda.functions import Reading
from killswitch_backends.aws_lambda.prior import Prior
from killswitch_backends.problems import Changed, Gone, Problem, Refused, Throttled
from killswitch_backends.protocol import Accepted, Captured, Order


@dataclass(slots=True)
class Halting:
    """One function being halted."""

    api: LambdaApi
    captured: Captured
    order: Order
    limits: RunLimits
    now: Callable[[], datetime]
    pinned_before: bool
    """Whether this process already put this very halt into force here (then a revival is re-asserted)."""
    prior: Prior = field(init=False)
    request_id: str | None = None
    left_alone: list[str] = field(default_factory=list)
    undisabled: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    unsuspended: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.prior = Prior.parse(self.captured.prior)

    @property
    def name(self) -> str:
        return self.captured.target.path

    async def run(self) -> tuple[Accepted, Reading]:
        """Stop new runs. Where auto scaling keeps provisioned concurrency, it is suspended first.

        Raises:
            Changed: the reservation is neither what was captured nor 0, and not ours to re-assert.
            Problem: the function may not be stopped yet; repeat it.
        """
        reading = await self.api.read(self.name, Urgency.HALT)
        self._verify(reading)
        steps = [self._disable(uuid) for uuid in self.prior.feeding]
        stop = self._scale_down() if self.prior.scaling is not None else self._stop(reading)
        problems = await problems_of([stop, *steps])
        if not problems and reading.function.durable:
            problems = await problems_of([self._pause_all()])
        if problems:
            raise problems[0]
        return self._accepted(reading), reading

    async def _scale_down(self) -> None:
        """On Managed Instances: no environment for any version."""
        scaled = [self._scale(version) for version in self.prior.scaling or {}]
        if problems := await problems_of(scaled):
            raise problems[0]

    async def _scale(self, version: str) -> None:
        self.request_id = await managed.scale(self.api, self.name, version, managed.NONE)

    async def _pause_all(self) -> None:
        """Pause what has not ended: also what began after the capture; nothing begins any more."""
        found = await durable.executions(self.api, self.name, Urgency.HALT)
        running = [arn for arn, status in found.items() if status == durable.RUNNING]
        pauses = [durable.pause(self.api, self.name, arn, self.order.halt_id) for arn in running]
        if problems := await problems_of(pauses):
            raise problems[0]
        before = {arn for arn, status in self.prior.durable.items() if status == durable.RUNNING}
        self.paused = {*running, *(before & found.keys())}

    def _verify(self, reading: Reading) -> None:
        if self.prior.scaling is not None:
            return  # there is no reservation to replace
        ours = self.pinned_before or marked_by(reading.tags, self.order.halt_id)
        if reading.reserved not in (0, self.prior.reserved) and not ours:
            raise Changed(
                str(self.captured.target),
                f"its reservation is {reading.reserved}, captured was {self.prior.reserved}",
            )

    async def _stop(self, reading: Reading) -> None:
        suspending = await problems_of([self._suspend(qualifier) for qualifier in self.prior.unsuspended])
        problems = await problems_of([self._unprovision(qualifier) for qualifier in self.prior.provisioned])
        if problems:
            raise problems[0]
        if reading.reserved != 0:
            try:
                self.request_id = await self.api.reserve(self.name, 0)
            except Refused as problem:
                raise await self._explained(problem) from problem
        if suspending:  # it is stopped all the same, and this much is tried again
            raise suspending[0]

    async def _suspend(self, qualifier: str) -> None:
        """Keep auto scaling from putting back what is removed next. What AWS will never allow is noted."""
        try:
            await autoscaling.suspend(self.api, self.name, qualifier, autoscaling.WHOLE)
        except Problem as problem:
            if retryable(problem):
                raise
            self.unsuspended.add(qualifier)
            self.left_alone.append(f"auto scaling of {qualifier} is not suspended: {problem.what}")

    async def _explained(self, refusal: Refused) -> Problem:
        """AWS refuses 0 while provisioned concurrency exists: some that was not captured, or some still going."""
        if platform_code(refusal) != "InvalidParameterValueException":
            return refusal
        present = await self.api.provisioned(self.name, Urgency.HALT)
        if present.keys() - self.prior.provisioned.keys():
            return Changed(str(self.captured.target), f"provisioned concurrency appeared on {', '.join(present)}")
        if present or self.prior.provisioned:
            return Throttled(str(self.captured.target), "its provisioned concurrency is still going", retry_after=0.5)
        return refusal

    async def _unprovision(self, qualifier: str) -> None:
        try:
            await self.api.provision(self.name, qualifier, None)
        except Gone:
            return  # deleted already, by an earlier attempt of this halt or by somebody else

    async def _disable(self, uuid: str) -> None:
        """Disable one event source. What AWS will never allow is noted: the function stops all the same."""
        try:
            await self.api.feed(self.name, uuid, enabled=False)
        except Gone:
            self.undisabled.add(uuid)
            self.left_alone.append(f"event source {uuid} is gone")
        except Problem as problem:
            if platform_code(problem) in BUSY:
                if (await self.api.event_source(self.name, uuid, Urgency.HALT)).enabled:
                    raise
            elif retryable(problem):
                raise
            else:
                self.undisabled.add(uuid)
                self.left_alone.append(f"event source {uuid} keeps polling: {problem.what}")

    def _accepted(self, reading: Reading) -> Accepted:
        at = self.now()
        bound = self.limits.end_of_runs(at, self.prior.timeout, reading.function)
        how = "reserved 0" if self.prior.scaling is None else "scaled to 0 environments"
        pauses = [f"{len(self.paused)} durable executions paused"] if self.paused else []
        return Accepted(
            target=self.captured.target,
            at=at,
            request_id=self.request_id,
            bound=bound,
            detail="; ".join([f"{how}; runs end by {stamp(bound)}", *pauses, *self.left_alone]),
            halted={
                "reserved": 0 if self.prior.scaling is None else self.prior.reserved,
                "provisioned": {},
                "event_sources": {uuid: False for uuid in self.prior.feeding if uuid not in self.undisabled},
                "scaling": None if self.prior.scaling is None else {one: [0, 0] for one in self.prior.scaling},
                "paused": sorted(self.paused),
                "auto_scaling": [one for one in self.prior.unsuspended if one not in self.unsuspended],
            },
        )


def tags_of(order: Order, prior: Prior) -> dict[str, str]:
    """Everything the halt writes on the function."""
    return {**mark_tags(order), **prior.as_tags()}
