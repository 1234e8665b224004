"""A role as the fleet sees it."""

from __future__ import annotations

from datetime import datetime

from killswitch_backends.aws_common.tags import claims_in, mark_in
from killswitch_backends.aws_iam.denial import denies_all, deny_all_arn
from killswitch_backends.aws_iam.roles import Role
from killswitch_backends.protocol import LabelKeys
from killswitch_inventory.agents import Health
from killswitch_inventory.sightings import TargetSighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId


def sighted(ref: BackendRef, role: Role, labels: LabelKeys, at: datetime) -> TargetSighting:
    """One role. Its ARN is its identity: what runs as it is bound to it, tagged or not."""
    return TargetSighting(
        target=TargetId(ref, f"role/{role.name}"),
        layer=Layer.CREDENTIAL,
        kind="role",
        seen_at=at,
        claims=claims_in(role.tags, labels),
        identity=role.arn,
        health=Health.OK,
        mark=mark_in(role.tags),
        off=denies_all(role.deny) or deny_all_arn(role.arn) in role.attached,
        facts={"path": role.path, "policies": str(len(role.inline) + len(role.attached))},
    )
