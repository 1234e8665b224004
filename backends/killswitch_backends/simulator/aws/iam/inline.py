"""Inline policies of roles, users and groups, with the aggregate size that each kind may have.

Quotas: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (whitespace does not count).
"""

from __future__ import annotations

from functools import partial

from killswitch_backends.simulator.aws.calls import Answer, Call, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.iam.directory import Directory
from killswitch_backends.simulator.aws.iam.documents import identity_policy
from killswitch_backends.simulator.aws.iam.entities import Entity, Kind, inline_size
from killswitch_backends.simulator.aws.iam.identities import NAME, target
from killswitch_backends.simulator.aws.iam.rendering import WORDS, encoded, listed, modifiable

QUOTAS = {Kind.ROLE: 10_240, Kind.USER: 2_048, Kind.GROUP: 5_120}
"""Characters that all inline policies of one identity may have together."""


def operations(directory: Directory) -> dict[str, Operation]:
    """Put, Get, Delete and List of every kind's inline policies."""
    table: dict[str, Operation] = {}
    for kind in Kind:
        word, resource = WORDS[kind], target(directory, kind)
        table |= {
            f"Put{word}Policy": Operation(
                run=partial(_put, directory, kind), resource=resource, mutates=True, bucket="write"
            ),
            f"Delete{word}Policy": Operation(
                run=partial(_delete, directory, kind), resource=resource, mutates=True, bucket="write"
            ),
            f"Get{word}Policy": Operation(run=partial(_get, directory, kind), resource=resource),
            f"List{word}Policies": Operation(run=partial(_list, directory, kind), resource=resource),
        }
    return table


def _entity(directory: Directory, kind: Kind, call: Call) -> Entity:
    return directory.find(kind, call.text(f"{WORDS[kind]}Name"))


def _put(directory: Directory, kind: Kind, call: Call) -> Answer:
    entity = modifiable(_entity(directory, kind, call))
    name = call.text("PolicyName")
    if not NAME.fullmatch(name):
        raise AwsError("ValidationError", "The specified value for policyName is invalid: [\\w+=,.@-]{1,128}")
    document = identity_policy(call.text("PolicyDocument"))
    others = [known for other, known in entity.inline.items() if other != name]
    quota = QUOTAS[kind]
    if inline_size([*others, document]) > quota:
        raise AwsError(
            "LimitExceeded", f"Maximum policy size of {quota} bytes exceeded for {kind} {entity.name}", status=409
        )
    entity.inline[name] = document
    directory.changed(entity)
    return None


def _missing(kind: Kind, name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The {kind} policy with name {name} cannot be found.", status=404)


def _get(directory: Directory, kind: Kind, call: Call) -> Answer:
    entity, name = _entity(directory, kind, call), call.text("PolicyName")
    if name not in entity.inline:
        raise _missing(kind, name)
    return {f"{WORDS[kind]}Name": entity.name, "PolicyName": name, "PolicyDocument": encoded(entity.inline[name])}


def _delete(directory: Directory, kind: Kind, call: Call) -> Answer:
    entity, name = modifiable(_entity(directory, kind, call)), call.text("PolicyName")
    if name not in entity.inline:
        raise _missing(kind, name)
    del entity.inline[name]
    directory.changed(entity)
    return None


def _list(directory: Directory, kind: Kind, call: Call) -> Answer:
    return listed(call, "PolicyNames", sorted(_entity(directory, kind, call).inline), key=str, show=str)
