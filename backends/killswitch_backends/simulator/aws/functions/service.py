"""The Lambda service: all its operations over one set of regions."""

from __future__ import annotations

from random import Random

from killswitch_backends.simulator.aws.behaviour import Behaviour
from killswitch_backends.simulator.aws.calls import Operation
from killswitch_backends.simulator.aws.functions.asynchronous import Asynchronous
from killswitch_backends.simulator.aws.functions.concurrency import Concurrency
from killswitch_backends.simulator.aws.functions.durable import Durable
from killswitch_backends.simulator.aws.functions.event_sources import EventSources
from killswitch_backends.simulator.aws.functions.invocation import Invocations
from killswitch_backends.simulator.aws.functions.invoker import Invoker
from killswitch_backends.simulator.aws.functions.lifecycle import Lifecycle
from killswitch_backends.simulator.aws.functions.region import Regions
from killswitch_backends.simulator.aws.functions.scaling import Scaling
from killswitch_backends.simulator.aws.functions.tagging import FunctionTags
from killswitch_backends.simulator.clock import Clock


class Functions:
    """Lambda, put together; ``lifecycle`` and ``event_sources`` also seed the world, ``concurrency`` serves scaling."""

    def __init__(self, *, account: str, invoker: Invoker, clock: Clock, rng: Random, behaviour: Behaviour) -> None:
        self.regions = Regions(account=account)
        self.lifecycle = Lifecycle(self.regions, clock=clock, rng=rng, behaviour=behaviour)
        self.event_sources = EventSources(self.regions, clock=clock, rng=rng, behaviour=behaviour)
        self.concurrency = Concurrency(self.regions, clock=clock, behaviour=behaviour)
        self._asynchronous = Asynchronous(self.regions, clock=clock)
        self._tags = FunctionTags(self.regions)
        self._durable = Durable(self.regions, invoker, clock, behaviour)
        self._scaling = Scaling(self.regions, clock, behaviour)
        self._invocations = Invocations(self.regions, invoker, self._durable)

    def operations(self) -> dict[str, Operation]:
        """Everything of Lambda that the simulator answers."""
        return {
            **self.lifecycle.operations(),
            **self.concurrency.operations(),
            **self.event_sources.operations(),
            **self._asynchronous.operations(),
            **self._tags.operations(),
            **self._durable.operations(),
            **self._scaling.operations(),
            **self._invocations.operations(),
        }
