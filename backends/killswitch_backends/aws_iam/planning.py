"""What denying an identity everything would mean, and whether it would lock the operator out."""

from __future__ import annotations

from collections.abc import Iterator

from killswitch_backends.aws_common.arns import account_and_name
from killswitch_backends.aws_iam.chaining import UNKNOWN, TrustGraph
from killswitch_backends.aws_iam.entities import Entity, Kind
from killswitch_backends.aws_iam.prior import halted_by
from killswitch_backends.protocol import Identity, Preflight
from killswitch_inventory.targets import TargetId


def plan_of(
    target: TargetId,
    entity: Entity,
    caller: Identity,
    *,
    trusts: TrustGraph | None = None,
    halted_too: frozenset[str] = frozenset(),
    members: tuple[str, ...] = (),
) -> Preflight:
    """The action and its risks; or why this identity must not, or cannot, be denied.

    ``trusts`` None: who may assume whom could not be read. ``halted_too``: ARNs of all that the same plan denies.
    ``members``: ARNs of a group's users.
    """
    return Preflight(
        target=target,
        action=_action(entity, members),
        api_calls=1,
        unsupported=_unsupported(entity),
        lockout=lockout_of((entity.arn, *members), caller),
        risks=tuple(_risks(entity, trusts, halted_too)),
    )


def _action(entity: Entity, members: tuple[str, ...]) -> str:
    if halted_by(entity):
        return "keep the deny-all, under this halt's name"
    if entity.ref.kind is Kind.GROUP:
        return f"deny every action of its {len(members)} users (a group holds users only, no roles)"
    return "deny every action of its sessions" if entity.ref.kind is Kind.ROLE else "deny every action of its keys"


def _risks(entity: Entity, trusts: TrustGraph | None, halted_too: frozenset[str]) -> Iterator[str]:
    if entity.ref.kind is not Kind.GROUP:
        risk = UNKNOWN if trusts is None else trusts.risk(entity, halted_too=halted_too)
        if risk:
            yield risk
    else:
        yield "a user that leaves the group is free of the deny; IAM tags no groups, so the deny alone names the halt"


def _unsupported(entity: Entity) -> str | None:
    if entity.service_linked:
        return "a service-linked role can only be changed by its AWS service; stop that service instead"
    return None


def lockout_of(hit: tuple[str, ...], caller: Identity) -> str | None:
    """Why denying these identities would hit the caller. Assumed-role ARNs carry no path: names decide."""
    ours = {account_and_name(arn) for arn in (caller.name, *caller.related)}
    if any(account_and_name(arn) in ours for arn in hit):
        return f"the identity this console acts as, or through ({caller.name})"
    return None
