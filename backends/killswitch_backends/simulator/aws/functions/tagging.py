"""Tags of functions, by the function's ARN."""

from __future__ import annotations

from killswitch_backends.simulator.aws import tags
from killswitch_backends.simulator.aws.calls import Answer, Call, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.functions.function import Function
from killswitch_backends.simulator.aws.functions.region import Regions


class FunctionTags:
    """ListTags, TagResource, UntagResource."""

    def __init__(self, regions: Regions) -> None:
        self._regions = regions

    def operations(self) -> dict[str, Operation]:
        on = self._resource
        return {
            "ListTags": Operation(run=self.listing, resource=on),
            "TagResource": Operation(run=self.tag, resource=on, mutates=True, status=204),
            "UntagResource": Operation(run=self.untag, resource=on, mutates=True, status=204),
        }

    def _resource(self, call: Call) -> str:
        return call.text("Resource")

    def _function(self, call: Call) -> Function:
        arn = call.text("Resource")
        if not arn.startswith("arn:"):
            raise AwsError("ValidationError", f"Value '{arn}' at 'resource' failed to satisfy constraint: an ARN")
        reference = self._regions.of(call).resolve(arn)
        if reference.qualifier is not None:
            raise AwsError(
                "InvalidParameterValueException",
                "Tags on function aliases and versions are not supported. Please specify a function ARN.",
            )
        return reference.function

    def listing(self, call: Call) -> Answer:
        return {"Tags": dict(self._function(call).tags)}

    def tag(self, call: Call) -> Answer:
        function = self._function(call)
        wanted = {str(key): str(value) for key, value in call.params.get("Tags", {}).items()}
        problem = tags.complaint(wanted, present=function.tags)
        if problem:
            raise AwsError("InvalidParameterValueException", problem)
        function.tag(wanted)
        return None

    def untag(self, call: Call) -> Answer:
        function = self._function(call)
        for key in call.params.get("tagKeys", []):
            function.tags.pop(key, None)
        return None
