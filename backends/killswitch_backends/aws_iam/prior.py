"""What an identity was before a halt: the names of its policies, its tags, and whether a deny was there already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from killswitch_backends.aws_common.tags import PREFIX, mark_in, ours
from killswitch_backends.aws_iam.denial import POLICY_NAME, deny_all_arn, halt_in, sid_in
from killswitch_backends.aws_iam.entities import Entity
from killswitch_backends.protocol import Json

BY = PREFIX + "by"
"""The tag that says how the halt denies: ``inline`` or ``managed``."""
INLINE, MANAGED = "inline", "managed"


@dataclass(frozen=True, slots=True)
class Prior:
    """An identity's restorable fields."""

    arn: str
    inline: frozenset[str]
    attached: frozenset[str]
    deny: Mapping[str, Json] | None
    """Somebody else's document under the console's policy name: a restore puts it back."""
    tags: Mapping[str, str]
    """Without the console's own."""

    def json(self) -> dict[str, Json]:
        """As the trail stores it and ``prior`` of the JSON output shows it."""
        return {
            "arn": self.arn,
            "inline": sorted(self.inline),
            "attached": sorted(self.attached),
            "deny": None if self.deny is None else dict(self.deny),
            "tags": dict(self.tags),
        }

    @classmethod
    def parse(cls, prior: Mapping[str, Json]) -> Prior:
        """The inverse of ``json``."""
        return cls(
            arn=prior["arn"],
            inline=frozenset(prior["inline"]),
            attached=frozenset(prior["attached"]),
            deny=prior["deny"],
            tags=dict(prior["tags"]),
        )


def prior_of(entity: Entity) -> Prior:
    """The prior state of an identity: without what a halt that is in force added to it."""
    halted = sid_in(entity.deny) is not None
    attached_by_halt = {deny_all_arn(entity.arn)} if entity.tags.get(BY) == MANAGED else set()
    ours_now = ours(entity.tags)
    return Prior(
        arn=entity.arn,
        inline=entity.inline - {POLICY_NAME} if halted else entity.inline,
        attached=entity.attached - attached_by_halt,
        deny=None if halted else entity.deny,
        tags={key: value for key, value in entity.tags.items() if key not in ours_now},
    )


def halted_by(entity: Entity) -> str | None:
    """The id of the halt in force on an identity: its mark's, or (the mark failed) what the deny's Sid tells of it."""
    sid = sid_in(entity.deny)
    mark = mark_in(entity.tags)
    if sid is None and entity.tags.get(BY) != MANAGED:
        return None
    if mark is not None:
        return mark.halt_id
    return halt_in(sid) if sid else None
