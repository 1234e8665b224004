"""LaunchDarkly as a place to stop agents: turn an agent's flag off, and see a separate SDK client be served "off".

A flag is the capability layer: it stops new tasks of agents that ask it, never an agent in mid-task. Importing this
package imports neither the SDK nor the HTTP client; opening a table does.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from killswitch_backends.emergency import EmergencyCredential, Lend
from killswitch_backends.launchdarkly.settings import LaunchDarklySettings
from killswitch_backends.policies import PolicyText, Tables
from killswitch_backends.protocol import Backend, Surroundings
from killswitch_backends.provenance import Provenance
from killswitch_inventory.targets import Layer

__all__ = ["KIND", "LaunchDarklyKind", "LaunchDarklySettings"]


def _policy(tables: Tables) -> str:
    from killswitch_backends.launchdarkly.policy import policy

    return policy(tables)


class LaunchDarklyKind:
    """The platform as the entry point names it."""

    kind: ClassVar[str] = "launchdarkly"
    layer: ClassVar[Layer] = Layer.CAPABILITY
    settings: ClassVar[type[LaunchDarklySettings]] = LaunchDarklySettings
    policies: ClassVar[Mapping[str, PolicyText]] = {"launchdarkly": _policy}

    def open(self, settings: Any, surroundings: Surroundings) -> AbstractAsyncContextManager[Backend]:
        """Open one ``[[launchdarkly]]`` table; secrets are resolved and connections made when first needed."""
        from killswitch_backends.launchdarkly.backend import opened

        return opened(LaunchDarklySettings.model_validate(settings), surroundings)

    def with_emergency(
        self, settings: LaunchDarklySettings, surroundings: Surroundings, credential: EmergencyCredential, lend: Lend
    ) -> tuple[LaunchDarklySettings, Surroundings]:
        """See ``emergency.EmergencyKind``. Neither a token nor a trigger URL needs a file."""
        from killswitch_backends.launchdarkly.emergency import with_credential

        del lend
        return with_credential(settings, surroundings, credential)

    def provenance(self, settings: LaunchDarklySettings) -> Provenance:
        """See ``provenance.Traceable``: a token is made once, and needs no identity provider afterwards."""
        scheme = settings.token.partition(":")[0]
        return Provenance(f"a token from {settings.token}", "an unlocked keyring" if scheme == "keyring" else "")


KIND = LaunchDarklyKind()
