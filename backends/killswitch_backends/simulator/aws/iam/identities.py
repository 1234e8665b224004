"""Creating, finding, listing, tagging and deleting roles, users and groups."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from killswitch_backends.simulator.aws import tags
from killswitch_backends.simulator.aws.callers import KeyRing
from killswitch_backends.simulator.aws.calls import Answer, Call, Members, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.iam.directory import Directory
from killswitch_backends.simulator.aws.iam.documents import trust_policy
from killswitch_backends.simulator.aws.iam.entities import Entity, Kind
from killswitch_backends.simulator.aws.iam.rendering import WORDS, identity, listed, modifiable, tag_list, tags_of

NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_PATH = re.compile(r"/([\x21-\x7e]+/)?")
_DESCRIPTION = re.compile(r"[\t\n\r\x20-\x7e\xa1-\xff]{0,1000}")
_ROLE_NAME_LENGTH = 64

Target = Callable[[Call], str]


def target(directory: Directory, kind: Kind) -> Target:
    """Which ARN a call on an identity of this kind is authorised for."""

    def arn(call: Call) -> str:
        member = f"{WORDS[kind]}Name"
        name = call.params.get(member)
        if not name:  # GetUser without a name is about the caller
            return call.caller.entity.arn
        try:
            return directory.find(kind, str(name)).arn
        except AwsError:
            return f"arn:aws:iam::{directory.account}:{kind}/{name}"

    return arn


def operations(directory: Directory, keys: KeyRing) -> dict[str, Operation]:
    """The operations on identities themselves."""
    table: dict[str, Operation] = {}
    for kind in Kind:
        word, resource = WORDS[kind], target(directory, kind)
        table |= {
            f"Create{word}": Operation(
                run=partial(_create, directory, kind), resource=resource, mutates=True, bucket="write"
            ),
            f"Delete{word}": Operation(
                run=partial(_delete, directory, keys, kind), resource=resource, mutates=True, bucket="write"
            ),
            f"Get{word}": Operation(run=partial(_get, directory, kind), resource=resource),
            f"List{word}s": Operation(run=partial(_list, directory, kind)),
        }
    for kind in (Kind.ROLE, Kind.USER):
        word, resource = WORDS[kind], target(directory, kind)
        table |= {
            f"Tag{word}": Operation(
                run=partial(_tag, directory, kind), resource=resource, mutates=True, bucket="write"
            ),
            f"Untag{word}": Operation(
                run=partial(_untag, directory, kind), resource=resource, mutates=True, bucket="write"
            ),
            f"List{word}Tags": Operation(run=partial(_list_tags, directory, kind), resource=resource),
        }
    trust = Operation(
        run=partial(_update_trust, directory), resource=target(directory, Kind.ROLE), mutates=True, bucket="write"
    )
    return table | {"UpdateAssumeRolePolicy": trust}


def _create(directory: Directory, kind: Kind, call: Call) -> Answer:
    name, path = _checked_name(kind, call)
    description = call.params.get("Description", "")
    if not _DESCRIPTION.fullmatch(description):
        raise AwsError("ValidationError", "Value at 'description' failed to satisfy constraint: printable Latin-1")
    trust = trust_policy(call.text("AssumeRolePolicyDocument")) if kind is Kind.ROLE else None
    wanted, boundary = tags_of(call), call.params.get("PermissionsBoundary")
    _check_tags(wanted, {})
    if boundary is not None and boundary not in directory.managed:
        raise AwsError("NoSuchEntity", f"Scope ARN: {boundary} does not exist or is not attachable.", status=404)
    entity = directory.add(kind, name, path=path)
    entity.trust, entity.tags, entity.description = trust, wanted, description
    entity.max_session = call.number("MaxSessionDuration", entity.max_session)
    entity.boundary = directory.managed[boundary] if boundary else None
    entity.settle()
    return {WORDS[kind]: identity(entity, with_tags=True)}


def _checked_name(kind: Kind, call: Call) -> tuple[str, str]:
    """The name and path of a new identity, if IAM accepts them."""
    name, path = call.text(f"{WORDS[kind]}Name"), call.params.get("Path", "/")
    too_long = kind is Kind.ROLE and len(name) > _ROLE_NAME_LENGTH
    if too_long or not NAME.fullmatch(name) or not _PATH.fullmatch(path):
        raise AwsError("ValidationError", f"The specified value for {kind}Name or path is invalid: {path}{name}")
    return name, path


def _get(directory: Directory, kind: Kind, call: Call) -> Answer:
    name = call.params.get(f"{WORDS[kind]}Name")
    if name is None and kind is Kind.USER and call.caller.entity.kind is Kind.USER:
        return {"User": identity(call.caller.entity, with_tags=True)}
    entity = directory.find(kind, call.text(f"{WORDS[kind]}Name"))
    answer = {WORDS[kind]: identity(entity, with_tags=True)}
    if kind is Kind.GROUP:
        users = list(directory.members(entity.name))
        return {**answer, **listed(call, "Users", users, key=lambda user: user.name, show=identity)}
    return answer


def _list(directory: Directory, kind: Kind, call: Call) -> Answer:
    prefix = call.params.get("PathPrefix", "/")
    entities = directory.all(kind)
    if prefix != "/":
        entities = [entity for entity in entities if entity.path.startswith(prefix)]
    return listed(call, f"{WORDS[kind]}s", entities, key=lambda entity: entity.name, show=identity)


def _delete(directory: Directory, keys: KeyRing, kind: Kind, call: Call) -> Answer:
    entity = modifiable(directory.find(kind, call.text(f"{WORDS[kind]}Name")))
    obstacle = _obstacle(directory, keys, entity)
    if obstacle:
        raise AwsError("DeleteConflict", f"Cannot delete entity, must {obstacle} first.", status=409)
    directory.remove(entity)
    keys.discard_of(entity)
    return None


def _obstacle(directory: Directory, keys: KeyRing, entity: Entity) -> str:
    if entity.attached:
        return "detach all policies"
    if entity.inline:
        return "delete policies"
    if keys.of(entity):
        return "delete access keys"
    if entity.groups or (entity.kind is Kind.GROUP and next(directory.members(entity.name), None)):
        return "remove users from group"
    return ""


def _check_tags(wanted: dict[str, str], present: dict[str, str]) -> None:
    problem = tags.complaint(wanted, present=present)
    if problem:
        code = "LimitExceeded" if "maximum limit" in problem else "ValidationError"
        raise AwsError(code, problem, status=409 if code == "LimitExceeded" else 400)


def _tag(directory: Directory, kind: Kind, call: Call) -> Answer:
    entity = modifiable(directory.find(kind, call.text(f"{WORDS[kind]}Name")))
    wanted = tags_of(call)
    _check_tags(wanted, entity.tags)
    entity.tags.update(wanted)
    return None


def _untag(directory: Directory, kind: Kind, call: Call) -> Answer:
    entity = modifiable(directory.find(kind, call.text(f"{WORDS[kind]}Name")))
    for key in call.params.get("TagKeys", []):
        entity.tags.pop(key, None)
    return None


def _list_tags(directory: Directory, kind: Kind, call: Call) -> Answer:
    entity = directory.find(kind, call.text(f"{WORDS[kind]}Name"))
    tags_by_key = sorted(tag_list(entity.tags), key=_key_of)
    return listed(call, "Tags", tags_by_key, key=_key_of, show=dict)


def _key_of(tag: Members) -> str:
    return str(tag["Key"])


def _update_trust(directory: Directory, call: Call) -> Answer:
    role = modifiable(directory.find(Kind.ROLE, call.text("RoleName")))
    role.trust = trust_policy(call.text("PolicyDocument"))
    return None
