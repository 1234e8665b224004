"""EventInvokeConfig: what becomes of asynchronous events, per function, version or alias."""

from __future__ import annotations

from typing import Any

from killswitch_backends.simulator.aws.calls import Answer, Call, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.functions.function import LATEST, Function
from killswitch_backends.simulator.aws.functions.region import Regions
from killswitch_backends.simulator.clock import Clock

_MEMBERS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")


class Asynchronous:
    """The operations on EventInvokeConfig."""

    def __init__(self, regions: Regions, *, clock: Clock) -> None:
        self._regions, self._clock = regions, clock

    def operations(self) -> dict[str, Operation]:
        on = self._regions.resource
        return {
            "PutFunctionEventInvokeConfig": Operation(run=self.put, resource=on, mutates=True),
            "UpdateFunctionEventInvokeConfig": Operation(run=self.update, resource=on, mutates=True),
            "GetFunctionEventInvokeConfig": Operation(run=self.get, resource=on),
            "ListFunctionEventInvokeConfigs": Operation(run=self.listing, resource=on),
            "DeleteFunctionEventInvokeConfig": Operation(run=self.delete, resource=on, mutates=True, status=204),
        }

    def _found(self, call: Call) -> tuple[Function, str]:
        reference = self._regions.of(call).find(call)
        return reference.function, reference.qualifier or LATEST

    def _existing(self, call: Call) -> tuple[Function, str, dict[str, Any]]:
        function, qualifier = self._found(call)
        if qualifier not in function.asynchronous:
            raise AwsError(
                "ResourceNotFoundException",
                f"The function {function.arn}:{qualifier} doesn't have an EventInvokeConfig",
                status=404,
            )
        return function, qualifier, function.asynchronous[qualifier]

    def put(self, call: Call) -> Answer:
        function, qualifier = self._found(call)
        function.asynchronous[qualifier] = {}
        return self._write(function, qualifier, call)

    def update(self, call: Call) -> Answer:
        function, qualifier, _config = self._existing(call)
        return self._write(function, qualifier, call)

    def _write(self, function: Function, qualifier: str, call: Call) -> Answer:
        config = function.asynchronous[qualifier]
        config.update({member: call.params[member] for member in _MEMBERS if member in call.params})
        config.setdefault("DestinationConfig", {"OnSuccess": {}, "OnFailure": {}})
        config["LastModified"] = self._clock.now()
        config["FunctionArn"] = f"{function.arn}:{qualifier}"
        return dict(config)

    def get(self, call: Call) -> Answer:
        return dict(self._existing(call)[2])

    def listing(self, call: Call) -> Answer:
        function, _ = self._found(call)
        return {"FunctionEventInvokeConfigs": [dict(config) for config in function.asynchronous.values()]}

    def delete(self, call: Call) -> Answer:
        function, qualifier, _config = self._existing(call)
        del function.asynchronous[qualifier]
        return None
