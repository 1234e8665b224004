"""Durable executions: runs of a function that suspend and are invoked again until they are done, paused and resumed.

Sources: Lambda developer guide "Pausing and resuming durable executions"; botocore 1.44.5's service model. Assumed:
a pause or resume in the wrong state meets ResourceConflictException; a reservation of 0 refuses the next invocation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from killswitch_backends.simulator.aws.behaviour import Behaviour
from killswitch_backends.simulator.aws.calls import Answer, Call, Members, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.functions.execution import Execution
from killswitch_backends.simulator.aws.functions.function import LATEST
from killswitch_backends.simulator.aws.functions.invoker import Invoker
from killswitch_backends.simulator.aws.functions.region import Reference, Regions
from killswitch_backends.simulator.aws.pages import page
from killswitch_backends.simulator.clock import Clock

PAGE = 100


@dataclass(slots=True)
class Durable:
    """The operations on durable executions."""

    regions: Regions
    invoker: Invoker
    clock: Clock
    behaviour: Behaviour

    def operations(self) -> dict[str, Operation]:
        on, one = self.regions.resource, self._resource
        return {
            "ListDurableExecutionsByFunction": Operation(run=self.listing, resource=on),
            "GetDurableExecution": Operation(run=self.get, resource=one),
            "PauseDurableExecution": Operation(run=self.pause, resource=one, mutates=True, status=202),
            "ResumeDurableExecution": Operation(run=self.resume, resource=one, mutates=True, status=202),
            "StopDurableExecution": Operation(run=self.stop, resource=one, mutates=True),
        }

    def _resource(self, call: Call) -> str:
        return call.text("DurableExecutionArn")

    def begin(self, reference: Reference, call: Call) -> Execution:
        """Start an execution: what an invocation of a durable function does."""
        function = reference.function
        version, _ = function.at(reference.qualifier or LATEST)
        identifier = call.request_id
        name = str(call.params.get("DurableExecutionName") or identifier)
        arn = f"{function.arn}:{version}/durable-execution/{name}/{identifier}"
        begun = Execution(self.regions.of(call), function, arn, name, self.clock.now())
        function.executions[arn] = begun
        self.invoker.go_on(begun)
        return begun

    def listing(self, call: Call) -> Answer:
        function = self.regions.of(call).find(call).function
        statuses = call.params.get("Statuses")
        now = self.clock.elapsed()
        found = [one for one in function.executions.values() if not statuses or one.status_at(now) in statuses]
        size = min(call.number("MaxItems", PAGE), PAGE)
        chunk, marker = page(
            sorted(found, key=lambda one: one.arn), key=lambda one: one.arn, marker=call.params.get("Marker"), size=size
        )
        return {"DurableExecutions": [self._shown(one) for one in chunk]} | ({"NextMarker": marker} if marker else {})

    def get(self, call: Call) -> Answer:
        known = self._find(call)
        shown: dict[str, Any] = dict(self._shown(known))
        if known.pause_requested is not None:
            shown["PauseDetails"] = {"PauseRequestTimestamp": known.pause_requested, "ExecutionTimeoutPaused": True}
        return shown

    def pause(self, call: Call) -> Answer:
        known = self._find(call)
        self._require(known, known.pause_requested is None and not known.ended, "paused")
        known.pause(at=self.clock.elapsed() + self.behaviour.pausing, requested=self.clock.now())
        return {}

    def resume(self, call: Call) -> Answer:
        known = self._find(call)
        self._require(known, known.pause_requested is not None and not known.ended, "resumed")
        known.unpause()
        self.invoker.go_on(known)
        return {}

    def stop(self, call: Call) -> Answer:
        known = self._find(call)
        known.ended = "STOPPED"
        return {"StopTimestamp": self.clock.now()}

    def _require(self, known: Execution, fits: bool, word: str) -> None:
        if not fits:
            status = known.status_at(self.clock.elapsed())
            raise AwsError(
                "ResourceConflictException", f"The execution cannot be {word}: its status is {status}.", status=409
            )

    def _find(self, call: Call) -> Execution:
        arn = call.text("DurableExecutionArn")
        functions = self.regions.of(call).functions.values()
        known = next((f.executions[arn] for f in functions if arn in f.executions), None)
        if known is None:
            raise AwsError("ResourceNotFoundException", f"Durable execution not found: {arn}", status=404)
        return known

    def _shown(self, known: Execution) -> Members:
        return {
            "DurableExecutionArn": known.arn,
            "DurableExecutionName": known.name,
            "FunctionArn": known.arn.partition("/durable-execution/")[0],
            "Status": known.status_at(self.clock.elapsed()),
            "StartTimestamp": known.started,
        }
