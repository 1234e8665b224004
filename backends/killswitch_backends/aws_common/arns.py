"""What the ARN of an IAM identity says of it.

A session's ARN leaves out the path of the role it assumed; names are unique in an account, so names decide.
"""

from __future__ import annotations


def account_and_name(arn: str) -> tuple[str, str]:
    """Account, and ``role/NAME`` (or user, group), of a role, user, group or assumed-role session, without its path.

    What is no such ARN is nobody's but its own: no account, and the text itself.
    """
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return "", arn
    kind, _, rest = parts[5].partition("/")
    if kind == "assumed-role":
        return parts[4], f"role/{rest.split('/')[0]}"
    return parts[4], f"{kind}/{rest.rsplit('/', 1)[-1]}"


def role_behind(arn: str) -> tuple[str, ...]:
    """The ARN of the role of an assumed-role session; none for what is no such session."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or not parts[5].startswith("assumed-role/"):
        return ()
    return (f"{parts[0]}:{parts[1]}:iam::{parts[4]}:role/{parts[5].split('/')[1]}",)
