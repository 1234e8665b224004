"""Simulated Application Auto Scaling, as far as Lambda goes: what puts provisioned concurrency (back) by itself.

A scalable target that is not suspended finds its version or alias brought to its least capacity again and again, as a
schedule or a policy would; Lambda's own refusals hold for it as well. Only the region's functions are scalable targets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from killswitch_backends.simulator.aws.behaviour import Behaviour
from killswitch_backends.simulator.aws.calls import Answer, Call, Members, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.functions.concurrency import Concurrency
from killswitch_backends.simulator.aws.pages import page
from killswitch_backends.simulator.clock import Clock

PAGE = 50
NAMESPACE, DIMENSION = "lambda", "lambda:function:ProvisionedConcurrency"
KINDS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_RESOURCE = re.compile(r"function:(?P<name>[a-zA-Z0-9_-]{1,64}):(?P<qualifier>[a-zA-Z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class ScalableTarget:
    """One version or alias, and between which capacities it is kept."""

    region: str
    resource: str
    least: int
    most: int
    created: float
    suspended: Members = field(default_factory=dict)

    @property
    def scaling(self) -> bool:
        """Whether something may still bring it to its least capacity."""
        return not all(self.suspended.get(kind) for kind in KINDS[1:])

    @property
    def function(self) -> tuple[str, str]:
        """Name and qualifier."""
        parts = _RESOURCE.fullmatch(self.resource)
        return (parts["name"], parts["qualifier"]) if parts else ("", "")


class AutoScaling:
    """The scalable targets of every region, and what they do."""

    def __init__(self, *, account: str, concurrency: Concurrency, clock: Clock, behaviour: Behaviour) -> None:
        self._account, self._concurrency, self._clock = account, concurrency, clock
        self._every = behaviour.autoscaling
        self._targets: dict[tuple[str, str], ScalableTarget] = {}

    def operations(self) -> dict[str, Operation]:
        return {
            "RegisterScalableTarget": Operation(run=self.register, resource=self._resource, mutates=True),
            "DescribeScalableTargets": Operation(run=self.describe),
            "DeregisterScalableTarget": Operation(run=self.deregister, resource=self._resource, mutates=True),
        }

    async def run(self) -> None:
        """Keep what is not suspended at its least capacity until cancelled."""
        while True:
            for target in [one for one in self._targets.values() if one.scaling]:
                self._concurrency.raise_to(target.region, *target.function, target.least)
            await self._clock.sleep(self._every)

    def register(self, call: Call) -> Answer:
        """Make a target, or change what is given of one that exists."""
        key = self._key(call)
        known = self._targets.get(key)
        least, most = (call.params.get(member) for member in ("MinCapacity", "MaxCapacity"))
        if known is None:
            if least is None or most is None:
                raise AwsError(
                    "ValidationException", "MinCapacity and MaxCapacity are required to register a scalable target"
                )
            known = ScalableTarget(call.region, key[1], int(least), int(most), self._clock.now())
        self._targets[key] = replace(
            known,
            least=known.least if least is None else int(least),
            most=known.most if most is None else int(most),
            suspended={**known.suspended, **call.params.get("SuspendedState", {})},
        )
        return {"ScalableTargetARN": self._arn(call.region, key[1])}

    def describe(self, call: Call) -> Answer:
        if call.text("ServiceNamespace") != NAMESPACE:
            return {"ScalableTargets": []}
        wanted = call.params.get("ResourceIds")
        found = [
            target
            for (region, resource), target in sorted(self._targets.items())
            if region == call.region and (wanted is None or resource in wanted)
        ]
        size = min(call.number("MaxResults", PAGE), PAGE)
        chunk, marker = page(found, key=lambda one: one.resource, marker=call.params.get("NextToken"), size=size)
        return {"ScalableTargets": [self._shown(one) for one in chunk]} | ({"NextToken": marker} if marker else {})

    def deregister(self, call: Call) -> Answer:
        if self._targets.pop(self._key(call), None) is None:
            raise AwsError("ObjectNotFoundException", "No scalable target found for that service namespace and ID")
        return {}

    def _key(self, call: Call) -> tuple[str, str]:
        resource = call.text("ResourceId")
        told = (call.text("ServiceNamespace"), call.text("ScalableDimension"))
        if told != (NAMESPACE, DIMENSION) or not _RESOURCE.fullmatch(resource):
            raise AwsError("ValidationException", f"Unsupported service namespace, resource type or dimension: {told}")
        return call.region, resource

    def _resource(self, call: Call) -> str:
        return self._arn(call.region, str(call.params.get("ResourceId", "*")))

    def _arn(self, region: str, resource: str) -> str:
        return f"arn:aws:application-autoscaling:{region}:{self._account}:scalable-target/{resource}"

    def _shown(self, target: ScalableTarget) -> dict[str, Any]:
        role = "role/aws-service-role/lambda.application-autoscaling.amazonaws.com"
        return {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": target.resource,
            "ScalableDimension": DIMENSION,
            "MinCapacity": target.least,
            "MaxCapacity": target.most,
            "RoleARN": f"arn:aws:iam::{self._account}:{role}/AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency",
            "CreationTime": target.created,
            "SuspendedState": {kind: bool(target.suspended.get(kind)) for kind in KINDS},
            "ScalableTargetARN": self._arn(target.region, target.resource),
        }
