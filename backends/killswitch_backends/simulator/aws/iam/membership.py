"""Users' memberships in groups, and their access keys."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from killswitch_backends.simulator.aws.callers import AccessKey, KeyRing
from killswitch_backends.simulator.aws.calls import Answer, Call, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.iam.directory import Directory
from killswitch_backends.simulator.aws.iam.entities import Entity, Kind
from killswitch_backends.simulator.aws.iam.identities import target
from killswitch_backends.simulator.aws.iam.rendering import identity, listed

_KEYS_PER_USER = 2


def operations(directory: Directory, keys: KeyRing) -> dict[str, Operation]:
    """Group membership and access keys."""
    user, group = target(directory, Kind.USER), target(directory, Kind.GROUP)
    return {
        "AddUserToGroup": Operation(run=partial(_join, directory), resource=group, mutates=True, bucket="write"),
        "RemoveUserFromGroup": Operation(run=partial(_leave, directory), resource=group, mutates=True, bucket="write"),
        "ListGroupsForUser": Operation(run=partial(_groups, directory), resource=user),
        "CreateAccessKey": Operation(
            run=partial(_create_key, directory, keys), resource=user, mutates=True, bucket="write"
        ),
        "UpdateAccessKey": Operation(
            run=partial(_update_key, directory, keys), resource=user, mutates=True, bucket="write"
        ),
        "DeleteAccessKey": Operation(
            run=partial(_delete_key, directory, keys), resource=user, mutates=True, bucket="write"
        ),
        "ListAccessKeys": Operation(run=partial(_list_keys, directory, keys), resource=user),
    }


def _join(directory: Directory, call: Call) -> Answer:
    group = directory.find(Kind.GROUP, call.text("GroupName"))
    user = directory.find(Kind.USER, call.text("UserName"))
    if group.name not in user.groups:
        user.groups.append(group.name)
        directory.changed(user)
    return None


def _leave(directory: Directory, call: Call) -> Answer:
    group = directory.find(Kind.GROUP, call.text("GroupName"))
    user = directory.find(Kind.USER, call.text("UserName"))
    if group.name not in user.groups:
        raise AwsError("NoSuchEntity", f"User {user.name} is not in group {group.name}.", status=404)
    user.groups.remove(group.name)
    directory.changed(user)
    return None


def _groups(directory: Directory, call: Call) -> Answer:
    user = directory.find(Kind.USER, call.text("UserName"))
    groups = [directory.find(Kind.GROUP, name) for name in sorted(user.groups)]
    return listed(call, "Groups", groups, key=lambda group: group.name, show=identity)


def _user(directory: Directory, call: Call) -> Entity:
    if "UserName" not in call.params and call.caller.entity.kind is Kind.USER:
        return call.caller.entity
    return directory.find(Kind.USER, call.text("UserName"))


def _key(directory: Directory, keys: KeyRing, call: Call) -> AccessKey:
    user, key_id = _user(directory, call), call.text("AccessKeyId")
    key = keys.find(key_id)
    if key is None or key.entity is not user:
        raise AwsError("NoSuchEntity", f"The Access Key with id {key_id} cannot be found.", status=404)
    return key


def _create_key(directory: Directory, keys: KeyRing, call: Call) -> Answer:
    user = _user(directory, call)
    if len(keys.of(user)) >= _KEYS_PER_USER:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {_KEYS_PER_USER}", status=409)
    key = keys.create(user)
    shown = {"UserName": user.name, "AccessKeyId": key.key_id, "Status": "Active", "SecretAccessKey": key.secret}
    return {"AccessKey": shown | {"CreateDate": directory.now()}}


def _update_key(directory: Directory, keys: KeyRing, call: Call) -> Answer:
    keys.put(replace(_key(directory, keys, call), active=call.text("Status") == "Active"))
    return None


def _delete_key(directory: Directory, keys: KeyRing, call: Call) -> Answer:
    keys.discard(_key(directory, keys, call).key_id)
    return None


def _list_keys(directory: Directory, keys: KeyRing, call: Call) -> Answer:
    user = _user(directory, call)
    return listed(
        call,
        "AccessKeyMetadata",
        sorted(keys.of(user), key=lambda key: key.key_id),
        key=lambda key: key.key_id,
        show=lambda key: {
            "UserName": user.name,
            "AccessKeyId": key.key_id,
            "Status": "Active" if key.active else "Inactive",
            "CreateDate": user.created,
        },
    )
