"""Invoke: synchronous runs that the caller waits for, asynchronous events that it does not, and the real 429."""

from __future__ import annotations

import asyncio

from killswitch_backends.simulator.aws.calls import Call, Operation, Payload
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.functions.durable import Durable
from killswitch_backends.simulator.aws.functions.function import LATEST
from killswitch_backends.simulator.aws.functions.invoker import Invoker
from killswitch_backends.simulator.aws.functions.region import Reference, Regions


class Invocations:
    """The Invoke operation. It has no rate of the control plane's."""

    def __init__(self, regions: Regions, invoker: Invoker, durable: Durable) -> None:
        self._regions, self._invoker, self._durable = regions, invoker, durable

    def operations(self) -> dict[str, Operation]:
        invoke = Operation(run=self.invoke, resource=self._regions.resource, bucket="", action="lambda:InvokeFunction")
        return {"Invoke": invoke}

    async def invoke(self, call: Call) -> Payload:
        """Run the function, or take the event, or only say whether the caller might (DryRun)."""
        region = self._regions.of(call)
        reference = region.find(call)
        match call.params.get("InvocationType", "RequestResponse"):
            case "DryRun":
                return Payload(204, b"")
            case "Event":
                if reference.function.settings.durable:
                    self._durable.begin(reference, call)
                else:
                    self._invoker.queue_event(region, reference.function)
                return Payload(202, b"")
            case _:
                return await self._synchronous(call, reference)

    async def _synchronous(self, call: Call, reference: Reference) -> Payload:
        region = self._regions.of(call)
        reason = self._invoker.refused(region, reference.function)
        if reason:
            raise AwsError(
                "TooManyRequestsException",
                "Rate Exceeded.",
                status=429,
                fields={"message": "Rate Exceeded.", "Reason": reason},
            )
        version, _settings = reference.function.at(reference.qualifier or LATEST)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._invoker.start(region, reference.function, done=done)
        await done
        headers = {"X-Amz-Executed-Version": version, "Content-Type": "application/json"}
        return Payload(200, b"null", headers)
