"""Opening LaunchDarkly with a break-glass service token, or with the trigger URLs of single flags.

The observer keeps its SDK key: that changes nothing.
"""

from __future__ import annotations

from dataclasses import replace

from killswitch_backends.emergency import EmergencyCredential, UnusableCredential
from killswitch_backends.launchdarkly.settings import LaunchDarklySettings
from killswitch_backends.protocol import Surroundings


def with_credential(
    settings: LaunchDarklySettings, surroundings: Surroundings, credential: EmergencyCredential
) -> tuple[LaunchDarklySettings, Surroundings]:
    """The table as it is with one break-glass credential more.

    Raises:
        UnusableCredential: when it is something else.
    """
    if credential.kind == "launchdarkly-token":
        return settings, _answering(surroundings, settings.token, credential.fields["token"])
    if credential.kind == "trigger-url":
        flag, url = credential.fields["flag"], credential.fields["url"]
        reference = f"vault:trigger of {flag}"
        triggers = {**settings.trigger, flag: reference}
        return settings.model_copy(update={"trigger": triggers}), _answering(surroundings, reference, url)
    raise UnusableCredential(f"{credential.kind} cannot open LaunchDarkly's API")


def _answering(surroundings: Surroundings, reference: str, value: str) -> Surroundings:
    """Surroundings that answer one secret reference with a value from the vault."""
    normal = surroundings.secret

    async def secret(asked: str) -> str:
        return value if asked == reference else await normal(asked)

    return replace(surroundings, secret=secret)
