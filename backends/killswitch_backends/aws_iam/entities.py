"""IAM identities as a halt sees them: roles, users and groups, plain data read from AWS's answers.

"Entity" is IAM's own word for the three together (``NoSuchEntity``); only roles and users act, groups hold users only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from killswitch_backends.problems import Refused
from killswitch_backends.protocol import Json
from killswitch_inventory.targets import TargetId

SERVICE_PATH = "/aws-service-role/"


class Kind(StrEnum):
    """The kinds of identity, spelt as in ARNs and in target ids."""

    ROLE = "role"
    USER = "user"
    GROUP = "group"

    @property
    def word(self) -> str:
        """As IAM's operations and members spell it: ``PutRolePolicy``, ``RoleName``."""
        return self.value.capitalize()


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One identity of the account by kind and name."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One identity with all that decides what it may do."""

    ref: Ref
    arn: str
    path: str
    inline: frozenset[str]
    """Names of its inline policies."""
    attached: frozenset[str]
    """ARNs of its managed policies."""
    deny: Mapping[str, Json] | None
    """The document under the console's own policy name, if there is one, whoever wrote it."""
    tags: Mapping[str, str]
    """Groups have none: IAM cannot tag them."""
    groups: tuple[str, ...] = ()
    """Of a user: the groups it is in."""
    trust: Mapping[str, Json] | None = None
    """Of a role: who may assume it."""
    documents: tuple[Mapping[str, Json], ...] = field(default=(), repr=False)
    """Its inline policies, where the answer held them."""
    read_at: datetime

    @property
    def name(self) -> str:
        return self.ref.name

    @property
    def service_linked(self) -> bool:
        """Whether only the service it is linked to may change it."""
        return self.path.startswith(SERVICE_PATH)


def ref_of(target: TargetId) -> Ref:
    """The identity a target names: ``role/NAME``, ``user/NAME``, ``group/NAME``.

    Raises:
        Refused: it names none.
    """
    kind, _, name = target.path.partition("/")
    if kind not in set(Kind) or not name or "/" in name:
        raise Refused(
            str(target),
            "is no identity",
            todo=f"write iam:{target.backend.name}/role/ROLE (or user/USER, group/GROUP), without ARN or path",
        )
    return Ref(Kind(kind), name)
