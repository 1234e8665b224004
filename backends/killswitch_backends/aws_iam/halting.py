"""Denying one identity everything: one call, idempotent; AWS's managed deny-all where the inline quota is full."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from killswitch_backends.aws_common.calls import platform_code
from killswitch_backends.aws_common.tags import mark_tags
from killswitch_backends.aws_iam.api import IamApi
from killswitch_backends.aws_iam.denial import denial, deny_all_arn, sid_of
from killswitch_backends.aws_iam.entities import Kind, Ref
from killswitch_backends.aws_iam.prior import BY, INLINE, MANAGED, Prior
from killswitch_backends.problems import Refused
from killswitch_backends.protocol import Json, Order

_QUOTA_FULL = frozenset({"LimitExceeded", "LimitExceededException"})


async def deny(api: IamApi, ref: Ref, prior: Prior, order: Order) -> tuple[str | None, dict[str, Json]]:
    """Put the deny on an identity. Returns the request id and the fields as left (``Accepted.halted``).

    Raises:
        Problem: it is not denied; or no answer came and nobody knows.
    """
    try:
        request = await api.put_deny(ref, denial(order.halt_id))
    except Refused as problem:
        if platform_code(problem) not in _QUOTA_FULL:
            raise
        arn = deny_all_arn(prior.arn)
        return await api.attach(ref, arn), {"by": MANAGED, "policy_arn": arn}
    return request, {"by": INLINE, "sid": sid_of(order.halt_id)}


def tags_of(order: Order, halted: Mapping[str, Json]) -> dict[str, str]:
    """Everything the halt writes beside the deny."""
    return {**mark_tags(order), BY: str(halted["by"])}


def in_words(ref: Ref, halted: Mapping[str, Json], bound: datetime) -> str:
    """What was done, for the record."""
    how = "inline deny-all" if halted["by"] == INLINE else "AWSDenyAll attached, its inline policy quota is full"
    unseen = f"; {NO_MARK}" if unmarkable(ref, halted) else ""
    return f"{how}; in force everywhere by {bound:%H:%M:%SZ}{unseen}"


NO_MARK = "no halt mark: IAM cannot tag groups, and AWS's own policy names no halt; only this bastion's ledger knows it"


def unmarkable(ref: Ref, halted: Mapping[str, Json]) -> bool:
    """Whether nothing on the identity can say which halt it is in."""
    return ref.kind is Kind.GROUP and halted.get("by") == MANAGED
