"""Opening an AWS table with a break-glass key: a user's key that may do nothing but assume the halt role.

The SDK gets it as a credentials file that exists in memory only. STS is asked in the table's region: its data plane
does not hang on the normal identity provider, nor on us-east-1 (trust.md 1.4).
"""

from __future__ import annotations

from typing import TypeVar

from killswitch_backends.aws_common.settings import AwsSettings
from killswitch_backends.emergency import EmergencyCredential, Lend, UnusableCredential

S = TypeVar("S", bound=AwsSettings)

PROFILE = "break-glass"
SESSION_NAME = "killswitch-break-glass"
"""How CloudTrail names what is done with it."""
SESSION_SECONDS = 3600
"""As long as glass may stay broken, and what any role allows."""


def emergency_settings(settings: S, credential: EmergencyCredential, lend: Lend) -> S:
    """A table's settings with a break-glass key instead of its own chain. Raises ``UnusableCredential``."""
    if credential.kind != "aws-key":
        raise UnusableCredential(f"{credential.kind} cannot open an AWS table")
    path = lend("aws", _credentials_file(settings, credential))
    return settings.model_copy(update={"profile": PROFILE, "credentials_file": path})


def _credentials_file(settings: AwsSettings, credential: EmergencyCredential) -> str:
    """A shared credentials file. The SDK re-reads nothing, and fetches the role's session by itself."""
    fields = credential.fields
    key = {"aws_access_key_id": fields["access_key_id"], "aws_secret_access_key": fields["secret_access_key"]}
    role = {
        "role_arn": fields["role_arn"],
        "source_profile": f"{PROFILE}-key",
        "role_session_name": SESSION_NAME,
        "duration_seconds": str(SESSION_SECONDS),
        "external_id": fields.get("external_id", ""),
        "region": settings.region or fields.get("region", ""),
        "sts_regional_endpoints": "regional",
        "endpoint_url": settings.endpoint_url or "",
    }
    return _section(f"{PROFILE}-key", key) + _section(PROFILE, role)


def _section(name: str, values: dict[str, str]) -> str:
    for value in values.values():
        if any(character in value for character in "\r\n"):
            raise UnusableCredential("a field holds a line break")
    return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in values.items() if value) + "\n"
