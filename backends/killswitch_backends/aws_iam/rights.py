"""The rights that the IAM backend needs: what ``check`` asks about and what ``policy aws`` prints."""

from __future__ import annotations

from typing import Final

from killswitch_backends.aws_common.checking import Need


def needs(path_prefix: str) -> tuple[Need, ...]:
    """The actions, on the identities under a path only: the console needs no right over any other."""
    roles = f"arn:aws:iam::ACCOUNT:role{path_prefix}*"
    return (
        Need("iam:GetAccountAuthorizationDetails", "find roles by the thousand"),
        Need("iam:ListRoles", "find roles", vital=True),
        *(Need(f"iam:{action}", "read what a role was before", True, roles) for action in READS),
        *(Need(f"iam:{action}", "deny a role everything, and take that off again", True, roles) for action in WRITES),
        *(Need(f"iam:{action}", "use a managed policy where the inline quota is full", False, roles) for action in MORE),
        *(Need(f"iam:{action}", "mark halted roles", False, roles) for action in MARKS),
    )


READS: Final = ("GetRole", "ListRolePolicies", "GetRolePolicy", "ListAttachedRolePolicies")
WRITES: Final = ("PutRolePolicy", "DeleteRolePolicy")
MORE: Final = ("AttachRolePolicy", "DetachRolePolicy")
MARKS: Final = ("TagRole", "UntagRole")
