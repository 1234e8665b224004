"""Creating, reading, listing, changing and deleting functions, their versions and aliases."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from random import Random
from typing import Any

from killswitch_backends.simulator.aws import tags
from killswitch_backends.simulator.aws.behaviour import Behaviour
from killswitch_backends.simulator.aws.calls import Answer, Call, Members, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.functions.function import LATEST, Function, Settings
from killswitch_backends.simulator.aws.functions.region import Regions
from killswitch_backends.simulator.aws.functions.rendering import alias, configuration, timestamp
from killswitch_backends.simulator.aws.pages import page
from killswitch_backends.simulator.clock import Clock

PAGE = 50
"""ListFunctions never gives more, whatever MaxItems says."""

_LONGEST_TIMEOUT = 900
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FURTHER = ("VpcConfig", "CapacityProviderConfig", "DurableConfig", "TenancyConfig", "LoggingConfig")


class Lifecycle:
    """The operations on functions themselves."""

    def __init__(self, regions: Regions, *, clock: Clock, rng: Random, behaviour: Behaviour) -> None:
        self._regions, self._clock, self._rng, self._behaviour = regions, clock, rng, behaviour

    def operations(self) -> dict[str, Operation]:
        on = self._regions.resource
        return {
            "CreateFunction": Operation(run=self.create, resource=on, mutates=True, status=201),
            "GetFunction": Operation(run=self.get, resource=on, bucket="get_function"),
            "GetFunctionConfiguration": Operation(run=self.get_configuration, resource=on),
            "UpdateFunctionConfiguration": Operation(run=self.update, resource=on, mutates=True),
            "DeleteFunction": Operation(run=self.delete, resource=on, mutates=True, status=204),
            "ListFunctions": Operation(run=self.list_functions),
            "PublishVersion": Operation(run=self.publish, resource=on, mutates=True, status=201),
            "ListVersionsByFunction": Operation(run=self.list_versions, resource=on),
            "CreateAlias": Operation(run=self.create_alias, resource=on, mutates=True, status=201),
            "GetAlias": Operation(run=self.get_alias, resource=on),
            "DeleteAlias": Operation(run=self.delete_alias, resource=on, mutates=True, status=204),
            "ListAliases": Operation(run=self.list_aliases, resource=on),
            "GetPolicy": Operation(run=self.get_policy, resource=on, bucket="get_policy"),
        }

    def create(self, call: Call) -> Answer:
        region = self._regions.of(call)
        name = call.text("FunctionName").rpartition(":")[2]
        if not _NAME.fullmatch(name):
            raise AwsError("ValidationError", f"Value '{name}' at 'functionName' failed to satisfy constraint")
        if name in region.functions:
            raise AwsError("ResourceConflictException", f"Function already exist: {name}", status=409)
        wanted = {str(key): str(value) for key, value in call.params.get("Tags", {}).items()}
        problem = tags.complaint(wanted, present={})
        if problem:
            raise AwsError("InvalidParameterValueException", problem)
        settings = _settings(Settings(role=call.text("Role")), call.params)
        function = self.make(call.region, name, settings)
        function.tag(wanted)
        if call.params.get("Publish"):
            self._publish(function)
        return configuration(function, None, now=self._clock.elapsed())

    def make(self, region_name: str, name: str, settings: Settings, *, agent: str | None = None) -> Function:
        """Add a function to a region."""
        region = self._regions[region_name]
        now = timestamp(self._clock.now())
        function = Function(name, region.arn(name), settings, now, self._revision(), agent)
        region.add(function)
        return function

    def get(self, call: Call) -> Answer:
        reference = self._regions.of(call).find(call)
        function = reference.function
        answer: dict[str, Any] = {
            "Configuration": configuration(function, reference.qualifier, now=self._clock.elapsed()),
            "Code": {"RepositoryType": "S3"},
        }
        if function.tags:
            answer["Tags"] = dict(function.tags)
        if function.reserved is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
        return answer

    def get_configuration(self, call: Call) -> Answer:
        reference = self._regions.of(call).find(call)
        return configuration(reference.function, reference.qualifier, now=self._clock.elapsed())

    def update(self, call: Call) -> Answer:
        function = self._regions.of(call).whole(call)
        now = self._clock.elapsed()
        require_settled(function, now)
        revision = call.params.get("RevisionId")
        if revision is not None and revision != function.revision:
            raise AwsError(
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
                "retrieve the latest Revision Id",
                status=412,
            )
        function.settings = _settings(function.settings, call.params)
        function.updating_until = now + self._behaviour.updating
        self._touch(function)
        return configuration(function, None, now=now)

    def delete(self, call: Call) -> Answer:
        region = self._regions.of(call)
        reference = region.find(call)
        if reference.qualifier is None or reference.qualifier == LATEST:
            region.remove(reference.function)
        else:
            reference.function.versions.pop(reference.qualifier, None)
        return None

    def list_functions(self, call: Call) -> Answer:
        region = self._regions.of(call)
        size = min(call.number("MaxItems", PAGE), PAGE)
        chunk, marker = page(
            region.listed(), key=lambda function: function.name, marker=call.params.get("Marker"), size=size
        )
        now = self._clock.elapsed()
        if call.params.get("FunctionVersion") == "ALL":
            shown = [
                configuration(function, version, now=now)
                for function in chunk
                for version in (LATEST, *function.versions)
            ]
        else:
            shown = [configuration(function, None, now=now) for function in chunk]
        return {"Functions": shown} | ({"NextMarker": marker} if marker else {})

    # -- versions and aliases ------------------------------------------------------------------------------------

    def publish(self, call: Call) -> Answer:
        function = self._regions.of(call).whole(call)
        require_settled(function, self._clock.elapsed())
        return configuration(function, self._publish(function), now=self._clock.elapsed())

    def _publish(self, function: Function) -> str:
        version = str(max((int(known) for known in function.versions), default=0) + 1)
        function.versions[version] = function.settings
        return version

    def list_versions(self, call: Call) -> Answer:
        function = self._regions.of(call).find(call).function
        now = self._clock.elapsed()
        versions = sorted(function.versions, key=lambda version: version.zfill(8))
        chunk, marker = page(
            [LATEST, *versions],
            key=_version_order,
            marker=call.params.get("Marker"),
            size=call.number("MaxItems", PAGE),
        )
        shown = [configuration(function, version, now=now) for version in chunk]
        return {"Versions": shown} | ({"NextMarker": marker} if marker else {})

    def create_alias(self, call: Call) -> Answer:
        function = self._regions.of(call).find(call).function
        name, version = call.text("Name"), call.text("FunctionVersion")
        if name in function.aliases:
            raise AwsError("ResourceConflictException", f"Alias already exists: {function.arn}:{name}", status=409)
        if version != LATEST and version not in function.versions:
            raise AwsError("ResourceNotFoundException", f"Function not found: {function.arn}:{version}", status=404)
        function.aliases[name] = version
        return alias(function, name)

    def get_alias(self, call: Call) -> Answer:
        function = self._regions.of(call).find(call).function
        name = call.text("Name")
        if name not in function.aliases:
            raise AwsError("ResourceNotFoundException", f"Cannot find alias arn: {function.arn}:{name}", status=404)
        return alias(function, name)

    def delete_alias(self, call: Call) -> Answer:
        function = self._regions.of(call).find(call).function
        function.aliases.pop(call.text("Name"), None)
        function.provisioned.pop(call.text("Name"), None)
        return None

    def list_aliases(self, call: Call) -> Answer:
        function = self._regions.of(call).find(call).function
        size = call.number("MaxItems", PAGE)
        chunk, marker = page(sorted(function.aliases), key=str, marker=call.params.get("Marker"), size=size)
        return {"Aliases": [alias(function, name) for name in chunk]} | ({"NextMarker": marker} if marker else {})

    def get_policy(self, call: Call) -> Answer:
        self._regions.of(call).find(call)
        raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.", status=404)

    def _touch(self, function: Function) -> None:
        function.modified, function.revision = timestamp(self._clock.now()), self._revision()

    def _revision(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def require_settled(function: Function, now: float) -> None:
    """Raise ``ResourceConflictException`` while an update of the function is under way."""
    if now < function.updating_until:
        raise AwsError(
            "ResourceConflictException",
            "The operation cannot be performed at this time. An update is in progress for resource: " + function.arn,
            status=409,
        )


def _version_order(version: str) -> str:
    return "" if version == LATEST else version.zfill(8)


def _settings(present: Settings, params: Members) -> Settings:
    timeout = params.get("Timeout", present.timeout)
    if not isinstance(timeout, int) or not 1 <= timeout <= _LONGEST_TIMEOUT:
        raise AwsError(
            "ValidationError",
            f"1 validation error detected: Value '{timeout}' at 'timeout' failed to satisfy constraint: "
            f"Member must have value less than or equal to {_LONGEST_TIMEOUT}",
        )
    return replace(
        present,
        role=params.get("Role", present.role),
        timeout=timeout,
        memory=params.get("MemorySize", present.memory),
        runtime=params.get("Runtime", present.runtime),
        handler=params.get("Handler", present.handler),
        description=params.get("Description", present.description),
        dead_letter=params.get("DeadLetterConfig", {}).get("TargetArn", present.dead_letter),
        environment=params.get("Environment", {}).get("Variables", present.environment),
        further={**present.further, **{member: params[member] for member in _FURTHER if member in params}},
    )
