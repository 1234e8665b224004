"""Opening LaunchDarkly with a break-glass service token. The observer keeps its SDK key: that changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from killswitch_backends.emergency import EmergencyCredential, UnusableCredential
from killswitch_backends.launchdarkly.settings import LaunchDarklySettings
from killswitch_backends.protocol import Surroundings


def emergency_surroundings(
    settings: LaunchDarklySettings, surroundings: Surroundings, credential: EmergencyCredential
) -> Surroundings:
    """Surroundings that answer the table's token reference with the break-glass token.

    Raises:
        UnusableCredential: when it is something else.
    """
    if credential.kind != "launchdarkly-token":
        raise UnusableCredential(f"{credential.kind} cannot open LaunchDarkly's API")
    return replace(surroundings, secret=_answering(settings.token, credential, surroundings.secret))


def _answering(
    reference: str, credential: EmergencyCredential, normal: Callable[[str], Awaitable[str]]
) -> Callable[[str], Awaitable[str]]:
    async def secret(asked: str) -> str:
        return credential.fields["token"] if asked == reference else await normal(asked)

    return secret
