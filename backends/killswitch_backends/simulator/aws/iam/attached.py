"""Managed policies: made, read, attached to identities and detached; permissions boundaries."""

from __future__ import annotations

from functools import partial

from killswitch_backends.simulator.aws.calls import Answer, Call, Members, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.iam.directory import Directory
from killswitch_backends.simulator.aws.iam.entities import Entity, Kind, Managed
from killswitch_backends.simulator.aws.iam.identities import target
from killswitch_backends.simulator.aws.iam.rendering import WORDS, encoded, listed, modifiable

_VERSION = "v1"


def operations(directory: Directory, *, per_identity: int) -> dict[str, Operation]:
    """The operations on managed policies; ``per_identity`` is the quota of attachments."""
    table = {
        "CreatePolicy": Operation(run=partial(_create, directory), mutates=True, bucket="write"),
        "DeletePolicy": Operation(run=partial(_delete, directory), resource=_policy_arn, mutates=True, bucket="write"),
        "GetPolicy": Operation(run=partial(_get, directory), resource=_policy_arn),
        "GetPolicyVersion": Operation(run=partial(_get_version, directory), resource=_policy_arn),
        "ListPolicies": Operation(run=partial(_list_all, directory)),
    }
    for kind in Kind:
        word, resource = WORDS[kind], target(directory, kind)
        attach, detach = partial(_attach, directory, kind, per_identity), partial(_detach, directory, kind)
        table |= {
            f"Attach{word}Policy": Operation(run=attach, resource=resource, mutates=True, bucket="write"),
            f"Detach{word}Policy": Operation(run=detach, resource=resource, mutates=True, bucket="write"),
            f"ListAttached{word}Policies": Operation(run=partial(_list, directory, kind), resource=resource),
        }
    for kind in (Kind.ROLE, Kind.USER):
        word, resource = WORDS[kind], target(directory, kind)
        bound, unbound = partial(_put_boundary, directory, kind), partial(_delete_boundary, directory, kind)
        table |= {
            f"Put{word}PermissionsBoundary": Operation(run=bound, resource=resource, mutates=True, bucket="write"),
            f"Delete{word}PermissionsBoundary": Operation(run=unbound, resource=resource, mutates=True, bucket="write"),
        }
    return table


def _policy_arn(call: Call) -> str:
    return call.text("PolicyArn")


def _entity(directory: Directory, kind: Kind, call: Call) -> Entity:
    return directory.find(kind, call.text(f"{WORDS[kind]}Name"))


def _find(directory: Directory, arn: str) -> Managed:
    if arn not in directory.managed:
        raise AwsError("NoSuchEntity", f"Policy {arn} was not found.", status=404)
    return directory.managed[arn]


def _shown(directory: Directory, policy: Managed) -> Members:
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.identifier,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": _VERSION,
        "AttachmentCount": directory.attachments(policy.arn),
        "IsAttachable": True,
        "CreateDate": policy.created,
        "UpdateDate": policy.created,
    }


def _create(directory: Directory, call: Call) -> Answer:
    path = call.params.get("Path", "/")
    policy = directory.add_managed(call.text("PolicyName"), path=path, text=call.text("PolicyDocument"))
    return {"Policy": _shown(directory, policy)}


def _delete(directory: Directory, call: Call) -> Answer:
    policy = _find(directory, call.text("PolicyArn"))
    if policy.arn.startswith("arn:aws:iam::aws:"):
        raise AwsError("AccessDenied", f"Policy {policy.arn} is owned by AWS.", status=403)
    if directory.attachments(policy.arn):
        raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", status=409)
    del directory.managed[policy.arn]
    return None


def _get(directory: Directory, call: Call) -> Answer:
    return {"Policy": _shown(directory, _find(directory, call.text("PolicyArn")))}


def _get_version(directory: Directory, call: Call) -> Answer:
    policy, version = _find(directory, call.text("PolicyArn")), call.text("VersionId")
    if version != _VERSION:
        raise AwsError("NoSuchEntity", f"Policy {policy.arn} version {version} does not exist.", status=404)
    shown = {"Document": encoded(policy.document), "VersionId": version, "IsDefaultVersion": True}
    return {"PolicyVersion": shown | {"CreateDate": policy.created}}


def _list_all(directory: Directory, call: Call) -> Answer:
    scope = call.params.get("Scope", "All")
    policies = [
        policy
        for policy in directory.managed.values()
        if scope == "All" or (scope == "AWS") == policy.arn.startswith("arn:aws:iam::aws:")
    ]
    ordered = sorted(policies, key=lambda policy: policy.arn)
    return listed(call, "Policies", ordered, key=lambda policy: policy.arn, show=partial(_shown, directory))


def _attach(directory: Directory, kind: Kind, per_identity: int, call: Call) -> Answer:
    entity, arn = modifiable(_entity(directory, kind, call)), call.text("PolicyArn")
    if arn not in directory.managed:
        raise AwsError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", status=404)
    if arn in entity.attached:
        return None
    if len(entity.attached) >= per_identity:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for PoliciesPer{WORDS[kind]}: {per_identity}", status=409)
    entity.attached[arn] = directory.managed[arn]
    directory.changed(entity)
    return None


def _detach(directory: Directory, kind: Kind, call: Call) -> Answer:
    entity, arn = modifiable(_entity(directory, kind, call)), call.text("PolicyArn")
    if arn not in entity.attached:
        raise AwsError("NoSuchEntity", f"Policy {arn} was not found.", status=404)
    del entity.attached[arn]
    directory.changed(entity)
    return None


def _list(directory: Directory, kind: Kind, call: Call) -> Answer:
    policies = sorted(_entity(directory, kind, call).attached.values(), key=lambda policy: policy.arn)
    return listed(
        call,
        "AttachedPolicies",
        policies,
        key=lambda policy: policy.arn,
        show=lambda policy: {"PolicyName": policy.name, "PolicyArn": policy.arn},
    )


def _put_boundary(directory: Directory, kind: Kind, call: Call) -> Answer:
    entity = modifiable(_entity(directory, kind, call))
    entity.boundary = _find(directory, call.text("PermissionsBoundary"))
    directory.changed(entity)
    return None


def _delete_boundary(directory: Directory, kind: Kind, call: Call) -> Answer:
    entity = modifiable(_entity(directory, kind, call))
    if entity.boundary is None:
        raise AwsError("NoSuchEntity", f"{WORDS[kind]} {entity.name} does not have a permissions boundary.", status=404)
    entity.boundary = None
    directory.changed(entity)
    return None
