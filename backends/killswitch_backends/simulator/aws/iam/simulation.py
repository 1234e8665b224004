"""SimulatePrincipalPolicy: what the control plane's policies would say, which the data plane may not know yet."""

from __future__ import annotations

from functools import partial
from typing import Any

from killswitch_backends.simulator.aws.calls import Answer, Call, Members, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.iam.conditions import Context
from killswitch_backends.simulator.aws.iam.directory import Directory
from killswitch_backends.simulator.aws.iam.documents import identity_policy
from killswitch_backends.simulator.aws.iam.entities import Entity, Grants
from killswitch_backends.simulator.aws.iam.evaluation import Request, Verdict, applies, judge


def operations(directory: Directory) -> dict[str, Operation]:
    run = partial(_simulate, directory)
    return {"SimulatePrincipalPolicy": Operation(run=run, resource=_source, bucket="simulate")}


def _source(call: Call) -> str:
    return call.text("PolicySourceArn")


def _simulate(directory: Directory, call: Call) -> Answer:
    entity = directory.by_arn(call.text("PolicySourceArn"))
    if entity is None or entity.arn != call.text("PolicySourceArn"):
        raise AwsError("NoSuchEntity", f"{call.text('PolicySourceArn')} cannot be found.", status=404)
    granted = directory.granted(entity)
    extra = tuple(identity_policy(text) for text in call.params.get("PolicyInputList", []))
    granted = Grants(granted.documents + extra, granted.boundary)
    context = _context(call, entity)
    results = [
        _result(entity, granted, Request(action, resource, context))
        for action in call.params.get("ActionNames", [])
        for resource in call.params.get("ResourceArns") or ["*"]
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


def _context(call: Call, entity: Entity) -> Context:
    """Only what the caller supplies, and who the principal is: the real simulator knows no token issue time either."""
    given = {
        str(entry["ContextKeyName"]).casefold(): tuple(str(value) for value in entry.get("ContextKeyValues", []))
        for entry in call.params.get("ContextEntries", [])
    }
    return {"aws:principalarn": (entity.arn,)} | given


def _result(entity: Entity, granted: Grants, request: Request) -> Members:
    verdict = judge(granted.documents, request, boundary=granted.boundary)
    deny = verdict is Verdict.EXPLICIT_DENY
    matched: list[dict[str, Any]] = [
        {"SourcePolicyId": name, "SourcePolicyType": "IAM Policy"}
        for name, document in _named(entity)
        if verdict is not Verdict.IMPLICIT_DENY
        and any(statement.deny is deny and applies(statement, request) for statement in document.statements)
    ]
    return {
        "EvalActionName": request.action,
        "EvalResourceName": request.resource,
        "EvalDecision": str(verdict),
        "MatchedStatements": matched,
        "MissingContextValues": [],
    }


def _named(entity: Entity) -> list[tuple[str, Any]]:
    attached = [(policy.name, policy.document) for policy in entity.attached.values()]
    return [*entity.inline.items(), *attached]
