"""Approval settings of the environment: when a change must be requested and approved instead of made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from killswitch_backends.simulator.launchdarkly.failures import ApprovalRequired, InvalidRequest
from killswitch_backends.simulator.launchdarkly.flags import Flag, Json
from killswitch_backends.simulator.seams import FLAG_ENVIRONMENT

_FLAG_WIDE = {"updateName", "updateDescription", "updateTags", "updateFlagCustomProperties", "updateTemporary"}
"""What changes a flag in no environment, and so needs no environment's approval."""


@dataclass(slots=True)
class Approvals:
    """Whether an environment requires approvals, and for which tags (none: for every flag)."""

    required: bool = False
    tags: list[str] = field(default_factory=list)
    bypassed_by_triggers: bool = True
    """The vendor does not say whether a flag trigger passes; both can be tried."""

    environment: str = FLAG_ENVIRONMENT

    def check(self, flag: Flag, changes: Mapping[str, tuple[str, ...]]) -> None:
        """Let a change pass; ``changes`` are by environment.

        Raises:
            ApprovalRequired: when it needs an approval.
        """
        concerned = self.required and (not self.tags or bool(set(self.tags) & set(flag.tags)))
        if concerned and not set(changes.get(self.environment, ())) <= _FLAG_WIDE:
            raise ApprovalRequired("Approval is required to make this request")

    def rendered(self) -> Json:
        """As ``approvalSettings`` of the environment."""
        return {
            "required": self.required,
            "bypassApprovalsForPendingChanges": False,
            "minNumApprovals": 1,
            "canReviewOwnRequest": False,
            "canApplyDeclinedChanges": False,
            "autoApplyApprovedChanges": False,
            "serviceKind": "launchdarkly",
            "serviceConfig": {},
            "requiredApprovalTags": self.tags,
        }

    def adopt(self, settings: Json) -> None:
        """Take over settings that a patch of the environment made.

        Raises:
            InvalidRequest: for values of the wrong type.
        """
        required, tags = settings.get("required"), settings.get("requiredApprovalTags")
        if not isinstance(required, bool) or not isinstance(tags, list):
            raise InvalidRequest("approvalSettings: required and requiredApprovalTags are not valid")
        self.required, self.tags = required, tags
