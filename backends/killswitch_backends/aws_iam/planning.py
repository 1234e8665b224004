"""What denying a role everything would mean, and whether it would lock the operator out."""

from __future__ import annotations

from killswitch_backends.aws_iam.prior import halted_by
from killswitch_backends.aws_iam.roles import Role
from killswitch_backends.protocol import Identity, Preflight
from killswitch_inventory.targets import TargetId

CHAINED = "sessions it opened in other roles keep working until they expire"


def plan_of(target: TargetId, role: Role, caller: Identity) -> Preflight:
    """The action and its risks; or why this role must not, or cannot, be denied."""
    return Preflight(
        target=target,
        action="keep the deny-all, under this halt's name" if halted_by(role) else "deny every action of its sessions",
        api_calls=1,
        unsupported=_unsupported(role),
        lockout=lockout_of(role.arn, caller),
        risks=(CHAINED,),
    )


def _unsupported(role: Role) -> str | None:
    if role.service_linked:
        return "a service-linked role can only be changed by its AWS service; stop that service instead"
    return None


def lockout_of(role_arn: str, caller: Identity) -> str | None:
    """Why denying a role would hit the caller. Assumed-role ARNs carry no path: names decide within an account."""
    for arn in (caller.name, *caller.related):
        if _account_and_name(arn) == _account_and_name(role_arn):
            return f"this console acts as it, or through it ({caller.name})"
    return None


def _account_and_name(arn: str) -> tuple[str, str]:
    """Account and name of a role's, user's or assumed-role session's ARN."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return "", arn
    kind, _, rest = parts[5].partition("/")
    if kind == "assumed-role":
        return parts[4], f"role/{rest.split('/')[0]}"
    return parts[4], f"{kind}/{rest.rsplit('/', 1)[-1]}"
