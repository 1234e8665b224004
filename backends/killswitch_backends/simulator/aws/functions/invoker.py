"""Invocations under way, and everything that keeps starting them: callers, pollers and the asynchronous queue.

One timetable (a heap) for the whole account instead of a task per invocation: thousands of functions must idle cheaply.
What is under way ends by itself, whatever happens to the function meanwhile: Lambda has no way to end it either.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from dataclasses import dataclass
from random import Random

from killswitch_backends.simulator.aws.functions.execution import Execution
from killswitch_backends.simulator.aws.functions.function import Function
from killswitch_backends.simulator.aws.functions.mapping import SourceMapping
from killswitch_backends.simulator.aws.functions.region import Region
from killswitch_backends.simulator.clock import Clock
from killswitch_backends.simulator.seams import Acting

BEAT = 0.05
"""Seconds between two looks at the timetable."""

BATCH = 500
"""Items of the timetable in a row before requests get their turn."""

RETRY = (0.5, 1.5)
"""After how long a refused caller, poller or queued event tries again."""

_LASTS = (0.5, 0.9)
"""Which share of its function's Timeout an invocation lasts. Lambda ends one at its Timeout to the millisecond, so here
it must be over by then even when a beat comes late: what a console infers from the Timeout has to be true."""


@dataclass(frozen=True, slots=True)
class Source:
    """Someone who keeps one invocation of a function under way: a caller, or a mapping's poller."""

    region: Region
    function: Function
    mapping: SourceMapping | None = None


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """An asynchronous event that waits for its function."""

    region: Region
    function: Function


@dataclass(frozen=True, slots=True)
class Invocation:
    """One run of a function."""

    identifier: str
    region: Region
    function: Function
    reserved: bool
    """Whether it counts against the function's own reservation (else against the account's pool)."""
    source: Source | None = None
    done: asyncio.Future[None] | None = None
    """Someone who waits for the end."""
    execution: Execution | None = None
    """The durable execution it is an invocation of."""


_Item = Source | QueuedEvent | Invocation | Execution

CONCURRENT = "ConcurrentInvocationLimitExceeded"
SCALED_DOWN = "ConcurrentInvocationLimitExceeded"
RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"


class Invoker:
    """Starts and ends invocations, and tells the world of each."""

    def __init__(self, *, acting: Acting, clock: Clock, rng: Random) -> None:
        self._acting, self._clock, self._rng = acting, clock, rng
        self._timetable: list[tuple[float, int, _Item]] = []
        self._order = itertools.count()
        self._no_credentials: frozenset[str] = frozenset()

    def needs_no_credentials(self, role_arn: str) -> None:
        """Agents whose functions run as this role need none to work."""
        self._no_credentials |= {role_arn}

    def keep_busy(
        self, region: Region, function: Function, *, sources: int, mapping: SourceMapping | None = None
    ) -> None:
        """Let this many sources invoke a function from now on; the first is the mapping's poller if there is one."""
        for number in range(sources):
            self._schedule(0.0, Source(region, function, mapping if number == 0 else None))

    def refusal(self, region: Region, function: Function) -> str | None:
        """Why Lambda would not start the function now (a throttle reason); None when it would."""
        if function.settings.on_managed_instances:
            return SCALED_DOWN if function.scaled_down else None
        if function.reserved is not None:
            return RESERVED if function.running >= function.reserved else None
        return CONCURRENT if region.unreserved_running >= region.unreserved else None

    def start(
        self,
        region: Region,
        function: Function,
        *,
        source: Source | None = None,
        done: asyncio.Future[None] | None = None,
        execution: Execution | None = None,
    ) -> Invocation:
        """Start a run that was not refused; it ends by itself within the function's Timeout."""
        identifier = f"{self._rng.getrandbits(128):032x}"
        invocation = Invocation(identifier, region, function, function.reserved is not None, source, done, execution)
        function.running += 1
        if not invocation.reserved:
            region.unreserved_running += 1
        function.meter.started(self._clock.now(), running=function.running)
        if function.agent is not None:
            role = function.settings.role
            identity = None if role in self._no_credentials else role
            timeout = function.settings.timeout
            self._acting.instance_started(function.agent, identifier, identity=identity, within=timeout)
        self._schedule(self._rng.uniform(*_LASTS) * function.settings.timeout, invocation)
        return invocation

    def queue_event(self, region: Region, function: Function) -> None:
        """Take an asynchronous event: it runs when it may, and is given up when the reservation is zero."""
        self._schedule(0.0, QueuedEvent(region, function))

    def go_on(self, execution: Execution) -> None:
        """Invoke a durable execution (again) when it may be, unless that is to happen anyway."""
        if not execution.invoked and not execution.waiting:
            execution.waiting = True
            self._schedule(0.0, execution)

    async def run(self) -> None:
        """Work through the timetable until cancelled."""
        while True:
            more = self.beat()
            await self._clock.sleep(0 if more else BEAT)

    def beat(self) -> bool:
        """Do a batch of what is due, and say whether there is more."""
        now = self._clock.elapsed()
        for _item in range(BATCH):
            if not self._timetable or self._timetable[0][0] > now:
                return False
            item = heapq.heappop(self._timetable)[2]
            match item:
                case Invocation():
                    self._end(item)
                case Source():
                    self._try_source(item, now)
                case QueuedEvent():
                    self._try_event(item)
                case Execution():
                    self._try_execution(item, now)
        return True

    def _schedule(self, delay: float, item: _Item) -> None:
        heapq.heappush(self._timetable, (self._clock.elapsed() + delay, next(self._order), item))

    def _again(self, item: _Item) -> None:
        self._schedule(self._rng.uniform(*RETRY), item)

    def _end(self, invocation: Invocation) -> None:
        function = invocation.function
        function.running -= 1
        if not invocation.reserved:
            invocation.region.unreserved_running -= 1
        function.meter.ended(self._clock.now(), running=function.running)
        if function.agent is not None:
            self._acting.instance_ended(invocation.identifier)
        if invocation.done is not None and not invocation.done.done():
            invocation.done.set_result(None)
        if invocation.source is not None:
            self._schedule(0.0, invocation.source)
        if invocation.execution is not None:
            self._round_over(invocation.execution)

    def _try_source(self, source: Source, now: float) -> None:
        function = source.function
        if function.deleted or (source.mapping and source.mapping.state_at(now) == "Deleted"):
            return
        idle = source.mapping is not None and not source.mapping.polls(now)
        if idle or self.refused(source.region, function):
            self._again(source)
        else:
            self.start(source.region, function, source=source)

    def refused(self, region: Region, function: Function) -> str | None:
        """As ``refusal``, and counted as a throttle."""
        reason = self.refusal(region, function)
        if reason:
            function.meter.throttled(self._clock.now(), running=function.running)
        return reason

    def _try_execution(self, execution: Execution, now: float) -> None:
        execution.waiting = False
        if execution.function.deleted or execution.status_at(now) != "RUNNING":
            return  # a resume brings a paused one back
        if self.refused(execution.region, execution.function):
            execution.waiting = True
            self._again(execution)
        else:
            execution.invoked = True
            self.start(execution.region, execution.function, execution=execution)

    def _round_over(self, execution: Execution) -> None:
        execution.round_over()
        if not execution.ended:
            execution.waiting = True
            self._again(execution)

    def _try_event(self, event: QueuedEvent) -> None:
        function = event.function
        if function.deleted:
            return
        if function.reserved == 0:  # ZeroReservedConcurrency: to the dead-letter target at once, never retried
            function.meter.dropped(self._clock.now(), running=function.running)
        elif self.refused(event.region, function):
            self._again(event)
        else:
            self.start(event.region, function)
