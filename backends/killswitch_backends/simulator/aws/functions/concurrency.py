"""Reserved and provisioned concurrency, and the account's pool behind them.

The refusals are AWS's own: see platforms.md A2-A4 for where each was recorded.
"""

from __future__ import annotations

from contextlib import suppress

from killswitch_backends.simulator.aws.behaviour import UNRESERVED_MINIMUM, Behaviour
from killswitch_backends.simulator.aws.calls import Answer, Call, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.functions.function import LATEST, Function, Provisioned
from killswitch_backends.simulator.aws.functions.lifecycle import PAGE, require_settled
from killswitch_backends.simulator.aws.functions.region import Region, Regions
from killswitch_backends.simulator.aws.functions.rendering import provisioned, timestamp
from killswitch_backends.simulator.aws.pages import page
from killswitch_backends.simulator.clock import Clock

_BELOW_MINIMUM = (
    "Specified {what} for function decreases account's UnreservedConcurrentExecution below its minimum value of "
    f"[{UNRESERVED_MINIMUM}]."
)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)


class Concurrency:
    """The operations on concurrency."""

    def __init__(self, regions: Regions, *, clock: Clock, behaviour: Behaviour) -> None:
        self._regions, self._clock, self._behaviour = regions, clock, behaviour

    def operations(self) -> dict[str, Operation]:
        on = self._regions.resource
        return {
            "PutFunctionConcurrency": Operation(run=self.put, resource=on, mutates=True),
            "GetFunctionConcurrency": Operation(run=self.get, resource=on),
            "DeleteFunctionConcurrency": Operation(run=self.delete, resource=on, mutates=True, status=204),
            "PutProvisionedConcurrencyConfig": Operation(
                run=self.put_provisioned, resource=on, mutates=True, status=202
            ),
            "GetProvisionedConcurrencyConfig": Operation(run=self.get_provisioned, resource=on),
            "DeleteProvisionedConcurrencyConfig": Operation(
                run=self.delete_provisioned, resource=on, mutates=True, status=204
            ),
            "ListProvisionedConcurrencyConfigs": Operation(run=self.list_provisioned, resource=on),
            "GetAccountSettings": Operation(run=self.account),
        }

    # -- reserved ------------------------------------------------------------------------------------------------

    def put(self, call: Call) -> Answer:
        region = self._regions.of(call)
        function = region.whole(call)
        wanted = call.params.get("ReservedConcurrentExecutions")
        if not isinstance(wanted, int) or wanted < 0:
            raise AwsError("ValidationError", "Value at 'reservedConcurrentExecutions' must be 0 or greater")
        require_settled(function, self._clock.elapsed())
        if function.settings.on_managed_instances:  # documented for event functions only; the wording is assumed
            raise _invalid("Reserved concurrency is not supported for functions on Lambda Managed Instances.")
        if wanted < function.provisioned_total:
            raise _invalid(
                f" ReservedConcurrentExecutions  {wanted} should not be lower than function's total provisioned "
                f"concurrency [{function.provisioned_total}]."
            )
        if wanted and not region.leaves_minimum(function, wanted):
            raise _invalid(_BELOW_MINIMUM.format(what="ReservedConcurrentExecutions"))
        region.reserve(function, wanted)
        return {"ReservedConcurrentExecutions": wanted}

    def get(self, call: Call) -> Answer:
        function = self._regions.of(call).whole(call)
        return {} if function.reserved is None else {"ReservedConcurrentExecutions": function.reserved}

    def delete(self, call: Call) -> Answer:
        region = self._regions.of(call)
        function = region.whole(call)
        require_settled(function, self._clock.elapsed())
        region.reserve(function, None)
        return None

    # -- provisioned ---------------------------------------------------------------------------------------------

    def put_provisioned(self, call: Call) -> Answer:
        function, qualifier = self._provisionable(call)
        wanted = call.params.get("ProvisionedConcurrentExecutions")
        if not isinstance(wanted, int) or wanted < 1:
            raise AwsError("ValidationError", "Value at 'provisionedConcurrentExecutions' must be 1 or greater")
        config = self._provision(self._regions.of(call), function, qualifier, wanted)
        return provisioned(config, now=self._clock.elapsed())

    def raise_to(self, region_name: str, name: str, qualifier: str, least: int) -> None:
        """Bring what is provisioned up to ``least``, as auto scaling does; what Lambda refuses is not done."""
        region = self._regions[region_name]
        function = region.functions.get(name)
        if function is None or not function.knows(qualifier):
            return
        present = function.provisioned.get(qualifier)
        if least and (present is None or present.requested < least):
            with suppress(AwsError):
                self._provision(region, function, qualifier, least)

    def _provision(self, region: Region, function: Function, qualifier: str, wanted: int) -> Provisioned:
        others = sum(config.requested for name, config in function.provisioned.items() if name != qualifier)
        if function.reserved is not None and others + wanted > function.reserved:
            raise _invalid(
                "Requested Provisioned Concurrency should not be greater than the "
                "reservedConcurrentExecution for function"
            )
        if function.reserved is None and region.unreserved - wanted < UNRESERVED_MINIMUM:
            raise _invalid(_BELOW_MINIMUM.format(what="ConcurrentExecutions"))
        ready_at = self._clock.elapsed() + self._behaviour.provisioning
        config = function.provisioned[qualifier] = Provisioned(wanted, ready_at, timestamp(self._clock.now()))
        return config

    def _provisionable(self, call: Call) -> tuple[Function, str]:
        reference = self._regions.of(call).find(call)
        if reference.qualifier is None or reference.qualifier == LATEST:
            raise _invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
        return reference.function, reference.qualifier

    def _provisioned(self, call: Call) -> tuple[Function, str]:
        function, qualifier = self._provisionable(call)
        if qualifier not in function.provisioned:
            raise AwsError(
                "ProvisionedConcurrencyConfigNotFoundException",
                f"No Provisioned Concurrency Config found for function: {function.arn}:{qualifier}",
                status=404,
            )
        return function, qualifier

    def get_provisioned(self, call: Call) -> Answer:
        function, qualifier = self._provisioned(call)
        return provisioned(function.provisioned[qualifier], now=self._clock.elapsed())

    def delete_provisioned(self, call: Call) -> Answer:
        """Deleting what is not there succeeds, as on AWS (204)."""
        function, qualifier = self._provisionable(call)
        function.provisioned.pop(qualifier, None)
        return None

    def list_provisioned(self, call: Call) -> Answer:
        function = self._regions.of(call).whole(call)
        now, size = self._clock.elapsed(), call.number("MaxItems", PAGE)
        chunk, marker = page(sorted(function.provisioned), key=str, marker=call.params.get("Marker"), size=size)
        shown = [
            {"FunctionArn": f"{function.arn}:{name}", **provisioned(function.provisioned[name], now=now)}
            for name in chunk
        ]
        return {"ProvisionedConcurrencyConfigs": shown} | ({"NextMarker": marker} if marker else {})

    def account(self, call: Call) -> Answer:
        region = self._regions.of(call)
        return {
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": region.concurrency_limit,
                "UnreservedConcurrentExecutions": region.unreserved,
            },
            "AccountUsage": {"TotalCodeSize": 1024 * len(region.functions), "FunctionCount": len(region.functions)},
        }
