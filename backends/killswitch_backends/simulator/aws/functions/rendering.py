"""Lambda's resources as its API shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from killswitch_backends.simulator.aws.calls import Members
from killswitch_backends.simulator.aws.functions.function import LATEST, Function, Provisioned
from killswitch_backends.simulator.aws.functions.mapping import SourceMapping


def timestamp(now: float) -> str:
    """A moment as Lambda writes it: ``2026-11-22T13:32:43.000+0000``."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def configuration(function: Function, qualifier: str | None, *, now: float) -> Members:
    """A FunctionConfiguration; ``now`` is monotonic."""
    version, settings = function.at(qualifier or LATEST)
    shown: dict[str, Any] = {
        "FunctionName": function.name,
        "FunctionArn": f"{function.arn}:{qualifier}" if qualifier else function.arn,
        "Runtime": settings.runtime,
        "Role": settings.role,
        "Handler": settings.handler,
        "CodeSize": 1024,
        "Description": settings.description,
        "Timeout": settings.timeout,
        "MemorySize": settings.memory,
        "LastModified": function.modified,
        "CodeSha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "Version": version,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": function.revision,
        "State": function.version_state(version, now),
        "LastUpdateStatus": "InProgress" if now < function.updating_until else "Successful",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{function.name}"},
        **settings.further,
    }
    if settings.dead_letter:
        shown["DeadLetterConfig"] = {"TargetArn": settings.dead_letter}
    if settings.environment is not None:
        shown["Environment"] = {"Variables": dict(settings.environment)}
    return shown


def alias(function: Function, name: str) -> Members:
    return {
        "AliasArn": f"{function.arn}:{name}",
        "Name": name,
        "FunctionVersion": function.aliases[name],
        "Description": "",
        "RevisionId": function.revision,
    }


def provisioned(config: Provisioned, *, now: float) -> Members:
    """A provisioned concurrency configuration; ``now`` is monotonic."""
    ready = now >= config.ready_at
    return {
        "RequestedProvisionedConcurrentExecutions": config.requested,
        "AvailableProvisionedConcurrentExecutions": config.requested if ready else 0,
        "AllocatedProvisionedConcurrentExecutions": config.requested if ready else 0,
        "Status": "READY" if ready else "IN_PROGRESS",
        "LastModified": config.modified,
    }


def mapping(source: SourceMapping, *, now: float) -> Members:
    """An event source mapping; ``now`` is monotonic."""
    return {
        "UUID": source.uuid,
        "EventSourceMappingArn": source.arn,
        "FunctionArn": source.function_arn,
        "EventSourceArn": source.source_arn,
        "BatchSize": source.batch_size,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "LastModified": source.modified,
        "State": source.state_at(now),
        "StateTransitionReason": "USER_INITIATED",
    }
