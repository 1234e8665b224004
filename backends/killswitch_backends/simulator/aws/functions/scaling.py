"""Managed Instances: the scaling of each published version, and whether its environments are there.

Source: botocore's service model (PutFunctionScalingConfig, GetFunctionScalingConfig, State). Assumed: the steps and
times between request and effect, and that a version without environments refuses its callers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from killswitch_backends.simulator.aws.behaviour import Behaviour
from killswitch_backends.simulator.aws.calls import Answer, Call, Members, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.functions.function import Function, Scaled
from killswitch_backends.simulator.aws.functions.lifecycle import require_settled
from killswitch_backends.simulator.aws.functions.region import Regions
from killswitch_backends.simulator.clock import Clock

LATEST_PUBLISHED = "$LATEST.PUBLISHED"
_MEMBERS = ("MinExecutionEnvironments", "MaxExecutionEnvironments")
_MOST = 15_000


@dataclass(slots=True)
class Scaling:
    """The operations on scaling configurations."""

    regions: Regions
    clock: Clock
    behaviour: Behaviour

    def operations(self) -> dict[str, Operation]:
        on = self.regions.resource
        return {
            "PutFunctionScalingConfig": Operation(run=self.put, resource=on, mutates=True, status=202),
            "GetFunctionScalingConfig": Operation(run=self.get, resource=on),
        }

    def _version(self, call: Call) -> tuple[Function, str]:
        region = self.regions.of(call)
        wanted = call.text("Qualifier")
        function = region.resolve(call.text("FunctionName")).function
        if not function.settings.on_managed_instances:
            raise AwsError("InvalidParameterValueException", "The function does not run on Lambda Managed Instances.")
        if wanted not in function.versions:  # $LATEST.PUBLISHED exists only once it was published to
            raise AwsError("ResourceNotFoundException", f"Function not found: {function.arn}:{wanted}", status=404)
        return function, wanted

    def put(self, call: Call) -> Answer:
        function, version = self._version(call)
        now = self.clock.elapsed()
        require_settled(function, now)
        config = call.params.get("FunctionScalingConfig") or {}
        if any(not isinstance(n, int) or not 0 <= n <= _MOST for n in config.values()):
            raise AwsError("InvalidParameterValueException", f"Execution environments must be from 0 to {_MOST}.")
        before = function.scaled(version)
        requested = (config.get(_MEMBERS[0]), config.get(_MEMBERS[1]))
        function.scaling[version] = Scaled(requested, before.applied_at(now), now + self.behaviour.scaling)
        return {"FunctionState": function.version_state(version, now)}

    def get(self, call: Call) -> Answer:
        function, version = self._version(call)
        known = function.scaled(version)
        return {
            "FunctionArn": f"{function.arn}:{version}",
            "RequestedFunctionScalingConfig": _shown(known.requested),
            "AppliedFunctionScalingConfig": _shown(known.applied_at(self.clock.elapsed())),
        }


def _shown(pair: tuple[int | None, int | None]) -> Members:
    members: dict[str, Any] = {member: n for member, n in zip(_MEMBERS, pair, strict=True) if n is not None}
    return members
