"""Who may call the simulated LaunchDarkly: two access tokens and one SDK key, all of them throw-away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from killswitch_backends.simulator.seams import FLAG_ENVIRONMENT

TOKEN = "api-simulator-00000000-0000-4000-8000-000000000001"  # noqa: S105 - opens nothing but the simulator
READ_ONLY_TOKEN = "api-simulator-00000000-0000-4000-8000-000000000002"  # noqa: S105 - likewise
SDK_KEY = "sdk-simulator-00000000-0000-4000-8000-000000000003"


def sdk_key(environment: str) -> str:
    """The SDK key of an environment: each has its own, as on the real platform."""
    return SDK_KEY if environment == FLAG_ENVIRONMENT else f"{SDK_KEY}-{environment}"


ACCOUNT_ID = "5f0000000000000000000001"
PROJECT_ID = "5f0000000000000000000002"
ENVIRONMENT_ID = "5f0000000000000000000003"


MADE_AT = int(datetime.now(UTC).timestamp() * 1000)
"""The simulator's tokens are as old as its process."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An access token as LaunchDarkly knows it."""

    name: str
    id: str
    writes: bool
    made_at: int = MADE_AT
    """Unix time in milliseconds."""


CALLERS = {
    TOKEN: Caller("killswitch-console", "5f0000000000000000000011", writes=True),
    READ_ONLY_TOKEN: Caller("auditor", "5f0000000000000000000012", writes=False),
}
