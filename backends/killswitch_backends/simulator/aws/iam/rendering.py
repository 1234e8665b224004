"""IAM's identities as its API shows them, and the checks and pages that all its operations share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote

from killswitch_backends.simulator.aws.calls import Call, Members
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.iam.documents import Document
from killswitch_backends.simulator.aws.iam.entities import Entity, Kind
from killswitch_backends.simulator.aws.pages import page

Item = TypeVar("Item")

WORDS = {Kind.ROLE: "Role", Kind.USER: "User", Kind.GROUP: "Group"}
"""How the operations' and members' names spell each kind."""

_PAGE, _PAGE_MAX = 100, 1000


def encoded(document: Document) -> str:
    """A policy document as IAM's answers carry it: percent-encoded."""
    return _quoted(document.text)


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return quote(text, safe="")


def tag_list(tags: Mapping[str, str]) -> list[Members]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def identity(entity: Entity, *, with_tags: bool = False) -> Members:
    """A role, user or group as its Get and List operations show it; lists leave the tags out."""
    word = WORDS[entity.kind]
    shown: dict[str, Any] = {
        "Path": entity.path,
        f"{word}Name": entity.name,
        f"{word}Id": entity.identifier,
        "Arn": entity.arn,
        "CreateDate": entity.created,
    }
    if entity.trust is not None:
        shown["AssumeRolePolicyDocument"] = encoded(entity.trust)
        shown["MaxSessionDuration"] = entity.max_session
    if entity.description:
        shown["Description"] = entity.description
    if with_tags and entity.tags:
        shown["Tags"] = tag_list(entity.tags)
    if with_tags and entity.boundary:
        shown["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": entity.boundary.arn,
        }
    return shown


def listed(
    call: Call, name: str, items: Sequence[Item], *, key: Callable[[Item], str], show: Callable[[Item], Any]
) -> Members:
    """One page of a listing, as IAM's Marker, MaxItems and IsTruncated want it."""
    size = call.number("MaxItems", _PAGE)
    if not 1 <= size <= _PAGE_MAX:
        raise AwsError(
            "ValidationError", f"Value '{size}' at 'maxItems' failed to satisfy constraint: between 1 and 1000"
        )
    chunk, marker = page(items, key=key, marker=call.params.get("Marker"), size=size)
    answer: dict[str, Any] = {name: [show(item) for item in chunk], "IsTruncated": marker is not None}
    if marker:
        answer["Marker"] = marker
    return answer


def modifiable(entity: Entity) -> Entity:
    """The same identity, if its owner may change it.

    Raises:
        AwsError: ``UnmodifiableEntity`` for a service-linked role.
    """
    if entity.service:
        raise AwsError(
            "UnmodifiableEntity",
            f"Cannot perform the operation on the protected role '{entity.name}' - this role is only modifiable by AWS",
        )
    return entity


def tags_of(call: Call) -> dict[str, str]:
    """The ``Tags`` member as a mapping."""
    return {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in call.params.get("Tags", [])}
