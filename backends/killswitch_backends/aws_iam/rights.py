"""The rights that the IAM backend needs: what ``check`` asks about and what ``policy aws`` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from killswitch_backends.aws_common.checking import Need
from killswitch_backends.aws_iam.settings import IamSettings

_KINDS: Final = ("Role", "User", "Group")

READS: Final = ("Get{0}", "List{0}Policies", "Get{0}Policy", "ListAttached{0}Policies")
WRITES: Final = ("Put{0}Policy", "Delete{0}Policy")
MORE: Final = ("Attach{0}Policy", "Detach{0}Policy")
MARKS: Final = ("Tag{0}", "Untag{0}")


def needs(settings: IamSettings) -> tuple[Need, ...]:
    """The actions, on the identities under the table's path only: the console needs no right over any other."""
    found = [
        Need("iam:GetAccountAuthorizationDetails", "find identities by the thousand"),
        Need("iam:ListRoles", "find roles", vital=True),
        Need("iam:ListUsers", "find users"),
        Need("iam:ListGroups", "find groups"),
        Need("cloudtrail:LookupEvents", "tell who denied something behind the console's back"),
        *(need for kind in _KINDS for need in _of(kind, settings.path_prefix)),
    ]
    if settings.probe:
        roles = f"arn:aws:iam::ACCOUNT:role{settings.path_prefix}*"
        found.append(Need("sts:AssumeRole", "prove a deny by being refused", resource=roles))
    for cluster in settings.eks_clusters:
        associations = f"arn:aws:eks:*:ACCOUNT:podidentityassociation/{cluster}/*"
        why = "tell which pods get which role"
        found.append(Need("eks:ListPodIdentityAssociations", why, resource=f"arn:aws:eks:*:ACCOUNT:cluster/{cluster}"))
        found.append(Need("eks:DescribePodIdentityAssociation", why, resource=associations))
    if settings.scp is not None:
        scp = "stop everything at one call by the prepared policy"
        calls = ("ListTargetsForPolicy", "DescribePolicy", "AttachPolicy", "DetachPolicy")
        found += [Need(f"organizations:{call}", scp) for call in calls]
    return tuple(found)


def _of(kind: str, path_prefix: str) -> Iterator[Need]:
    """What is needed on one kind of identity; roles are what agents have."""
    where = f"arn:aws:iam::ACCOUNT:{kind.lower()}{path_prefix}*"
    vital, word = kind == "Role", f"{kind.lower()}s"
    for action in READS:
        yield Need(f"iam:{action.format(kind)}", f"read what {word} were before", vital, where)
    for action in WRITES:
        yield Need(f"iam:{action.format(kind)}", f"deny {word} everything, and take that off again", vital, where)
    for action in MORE:
        yield Need(f"iam:{action.format(kind)}", f"deny {word} whose inline quota is full", False, where)
    if kind != "Group":
        for action in MARKS:
            yield Need(f"iam:{action.format(kind)}", f"mark halted {word}", False, where)
