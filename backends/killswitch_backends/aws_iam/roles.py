"""Roles as a halt sees them: plain data read from AWS's answers, and the shape of a target's path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from killswitch_backends.problems import Refused, Unsupported
from killswitch_backends.protocol import Json
from killswitch_inventory.targets import TargetId

SERVICE_PATH = "/aws-service-role/"
_OTHER_KINDS = {
    "user": "users are not halted yet; deny its keys by hand: aws iam put-user-policy",
    "group": "groups hold users only, and are not halted yet: aws iam put-group-policy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One role with all that decides what its sessions may do."""

    name: str
    arn: str
    path: str
    inline: frozenset[str]
    """Names of its inline policies."""
    attached: frozenset[str]
    """ARNs of its managed policies."""
    deny: Mapping[str, Json] | None
    """The document under the console's own policy name, if there is one, whoever wrote it."""
    tags: Mapping[str, str]
    read_at: datetime

    @property
    def service_linked(self) -> bool:
        """Whether only the service it is linked to may change it."""
        return self.path.startswith(SERVICE_PATH)


def role_name(target: TargetId) -> str:
    """The role a target names: ``role/NAME``.

    Raises:
        Unsupported: it names a user or a group.
        Refused: it names neither.
    """
    kind, slash, name = target.path.partition("/")
    if slash and kind in _OTHER_KINDS and name:
        raise Unsupported(str(target), f"cannot halt a {kind}", todo=_OTHER_KINDS[kind])
    if kind != "role" or not name or "/" in name:
        raise Refused(str(target), "is no identity", todo="expected iam:NAME/role/ROLE, without the role's path")
    return name
