"""Two people for a restore: who counts as another person, and whether an approval is good. Pure.

The word of the operating system is all there is: accounts, not faces. Where people share an account through sudo, the
account they came from counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from killswitch_console.authority.invoker import Invoker

GOOD_FOR = timedelta(hours=12)
"""How long an approval stands: long enough for the next shift, not for the next incident."""


class ApprovalNeeded(Exception):
    """The restore needs the approval of a second person, and there is none that counts."""


class SamePerson(Exception):
    """Whoever approves must be another person than whoever approved or restores."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's agreement to the restore of one halt."""

    approver: Invoker
    at: datetime
    used_at: datetime | None = None
    """When a restore began on its strength; it is good for one."""

    def good(self, now: datetime) -> bool:
        """Whether it is unused and not too old."""
        return self.used_at is None and now - self.at <= GOOD_FOR


def same_person(one: Invoker, other: Invoker) -> bool:
    """Whether two invokers may be one human: the same account, or one uid that nothing trusted tells apart."""
    if one.person == other.person:
        return True
    vouched = all(who.sudo_user or who.login_user for who in (one, other))
    return one.uid == other.uid and one.host == other.host and not vouched


def check_approval(halt_id: str, restorer: Invoker, approvals: Iterable[Approval], now: datetime) -> Approval:
    """The approval that lets this person restore.

    Raises:
        ApprovalNeeded: when no good one is another person's.
    """
    good = [approval for approval in approvals if approval.good(now)]
    for approval in good:
        if not same_person(approval.approver, restorer):
            return approval
    why = f"{restorer.person} approved it, and cannot restore it alone" if good else "nobody approved it yet"
    raise ApprovalNeeded(
        f"restoring {halt_id} takes two people, and {why}: let another account run `approve {halt_id}`, "
        "or override with a reason (--alone REASON; it is recorded as a security event)"
    )
