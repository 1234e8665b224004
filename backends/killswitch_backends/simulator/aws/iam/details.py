"""GetAccountAuthorizationDetails: whole identities, with tags and policies, up to a thousand a page."""

from __future__ import annotations

from functools import partial
from typing import Any

from killswitch_backends.simulator.aws.calls import Answer, Call, Members, Operation
from killswitch_backends.simulator.aws.iam.directory import Directory
from killswitch_backends.simulator.aws.iam.entities import Entity, Kind
from killswitch_backends.simulator.aws.iam.rendering import WORDS, encoded, identity, listed

_SECTIONS = {"User": Kind.USER, "Group": Kind.GROUP, "Role": Kind.ROLE}


def operations(directory: Directory) -> dict[str, Operation]:
    return {"GetAccountAuthorizationDetails": Operation(run=partial(_details, directory))}


def _details(directory: Directory, call: Call) -> Answer:
    """One page over users, groups and roles together. Managed policies are not listed: nothing here reads them so."""
    wanted = call.params.get("Filter") or list(_SECTIONS)
    entities = [entity for name, kind in _SECTIONS.items() if name in wanted for entity in directory.all(kind)]
    found = listed(call, "Entities", sorted(entities, key=_key), key=_key, show=lambda entity: entity)
    answer: dict[str, Any] = {f"{name}DetailList": [] for name in _SECTIONS} | {"Policies": []}
    for entity in found["Entities"]:
        answer[f"{WORDS[entity.kind]}DetailList"].append(_detail(entity))
    return answer | {name: value for name, value in found.items() if name != "Entities"}


def _key(entity: Entity) -> str:
    return f"{entity.kind}/{entity.name}"


def _detail(entity: Entity) -> Members:
    shown: dict[str, Any] = dict(identity(entity, with_tags=True))
    for absent in ("MaxSessionDuration", "Description"):  # RoleDetail has neither
        shown.pop(absent, None)
    shown[f"{WORDS[entity.kind]}PolicyList"] = [
        {"PolicyName": name, "PolicyDocument": encoded(document)} for name, document in entity.inline.items()
    ]
    shown["AttachedManagedPolicies"] = [
        {"PolicyName": policy.name, "PolicyArn": policy.arn} for policy in entity.attached.values()
    ]
    if entity.kind is Kind.USER:
        shown["GroupList"] = list(entity.groups)
    if entity.kind is Kind.ROLE:
        shown["InstanceProfileList"] = []
    return shown
