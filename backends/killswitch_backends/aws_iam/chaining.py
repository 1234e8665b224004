"""Role chaining: sessions that an identity opened in other roles outlive its deny, because AWS judges each by its role.

A graph of who may assume whom, from the trust policies and inline policies of one account-wide listing. It only warns:
managed policies and other accounts are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from killswitch_backends.aws_iam.entities import Entity, Kind
from killswitch_backends.protocol import Json

UNKNOWN = "sessions it opened in other roles, if it may assume any, keep working until they expire"
_SHOWN = 3


class TrustGraph:
    """The roles of one account, by whom they trust."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._roles = [one for one in entities if one.ref.kind is Kind.ROLE and one.trust]

    def reachable(self, entity: Entity) -> list[Entity]:
        """The roles that an identity may have opened sessions in."""
        if entity.ref.kind is Kind.GROUP:
            return []
        found = (role for role in self._roles if role.arn != entity.arn and _may_assume(entity, role))
        return sorted(found, key=lambda role: role.name)

    def risk(self, entity: Entity, *, halted_too: frozenset[str]) -> str:
        """What of that the halt leaves working, in words; empty when nothing."""
        left = [role.name for role in self.reachable(entity) if role.arn not in halted_too]
        if not left:
            return ""
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        limit = "an hour at most" if entity.ref.kind is Kind.ROLE else "their longest session at most"
        return f"sessions it opened in {', '.join(left[:_SHOWN])}{more} keep working until they expire ({limit})"


def _may_assume(entity: Entity, role: Entity) -> bool:
    """Whether a role's trust names an identity, or its account while a policy of the identity allows the call."""
    account = entity.arn.split(":")[4]
    for statement in _statements(role.trust):
        if statement.get("Effect") != "Allow":
            continue
        principals = _texts((_mapping(statement.get("Principal"))).get("AWS"))
        if entity.arn in principals:
            return True
        if {"*", account, f"arn:{entity.arn.split(':')[1]}:iam::{account}:root"} & set(principals):
            return any(_allows(document, role.arn) for document in entity.documents)
    return False


def _allows(document: Mapping[str, Json], role_arn: str) -> bool:
    return any(
        statement.get("Effect") == "Allow"
        and any(fnmatchcase("sts:assumerole", action.lower()) for action in _texts(statement.get("Action")))
        and any(fnmatchcase(role_arn, resource) for resource in _texts(statement.get("Resource")))
        for statement in _statements(document)
    )


def _statements(document: Mapping[str, Json] | None) -> list[Mapping[str, Json]]:
    statements = (document or {}).get("Statement", [])
    return [one for one in (statements if isinstance(statements, list) else [statements]) if isinstance(one, Mapping)]


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {"AWS": value}  # ``"Principal": "*"``


def _texts(value: Json) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
