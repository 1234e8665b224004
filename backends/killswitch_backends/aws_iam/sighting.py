"""An identity as the fleet sees it."""

from __future__ import annotations

from datetime import datetime

from killswitch_backends.aws_common.tags import claims_in, is_canary, mark_in
from killswitch_backends.aws_iam.denial import halt_in, is_denied, sid_in
from killswitch_backends.aws_iam.entities import Entity
from killswitch_backends.protocol import LabelKeys
from killswitch_inventory.agents import Health
from killswitch_inventory.sightings import HaltMark, TargetSighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId


def _mark_of_deny(entity: Entity) -> HaltMark | None:
    """The deny names its halt too: all there is on a group, which has no tags, and on what could not be tagged."""
    sid = sid_in(entity.deny)
    return HaltMark(halt_in(sid), "", "") if sid else None


def sighted(
    ref: BackendRef, entity: Entity, labels: LabelKeys, at: datetime, *, aliases: tuple[str, ...] = ()
) -> TargetSighting:
    """One identity. Its ARN is its identity: what runs as it is bound to it, tagged or not."""
    return TargetSighting(
        target=TargetId(ref, str(entity.ref)),
        layer=Layer.CREDENTIAL,
        kind=str(entity.ref.kind),
        seen_at=at,
        claims=claims_in(entity.tags, labels),
        identity=entity.arn,
        aliases=aliases,
        health=Health.OK,
        mark=mark_in(entity.tags) or _mark_of_deny(entity),
        off=is_denied(entity.arn, entity.attached, (entity.deny, *entity.documents)),
        canary=is_canary(entity.tags, labels),
        facts={"path": entity.path, "policies": str(len(entity.inline) + len(entity.attached))},
    )
