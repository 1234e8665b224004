"""What the entry point ``kubernetes`` names: how to open one table. Imports neither aiohttp nor the official client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel

from killswitch_backends.emergency import EmergencyCredential, Lend
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_backends.policies import PolicyText, Tables
from killswitch_backends.protocol import Backend, Surroundings
from killswitch_backends.provenance import Provenance
from killswitch_inventory.targets import BackendRef, Layer

if TYPE_CHECKING:
    from killswitch_backends.protocol import BackendKind


def _policy(tables: Tables) -> str:
    from killswitch_backends.kubernetes.policy import policy

    configured = [table for table in tables.get("kubernetes", ()) if isinstance(table, KubernetesSettings)]
    return policy(sorted({namespace for table in configured for namespace in table.namespaces}))


class Kubernetes:
    """See ``protocol.BackendKind``."""

    kind: ClassVar[str] = "kubernetes"
    layer: ClassVar[Layer] = Layer.PROCESS
    settings: ClassVar[type[BaseModel]] = KubernetesSettings
    policies: ClassVar[Mapping[str, PolicyText]] = {"kubernetes": _policy}

    def open(self, settings: KubernetesSettings, surroundings: Surroundings) -> AbstractAsyncContextManager[Backend]:
        """Open one table; no request is made yet."""
        return _opened(settings, surroundings)

    def with_emergency(
        self, settings: KubernetesSettings, surroundings: Surroundings, credential: EmergencyCredential, lend: Lend
    ) -> tuple[KubernetesSettings, Surroundings]:
        """See ``emergency.EmergencyKind``."""
        from killswitch_backends.kubernetes.emergency import emergency_settings

        return emergency_settings(settings, credential, lend), surroundings

    def provenance(self, settings: KubernetesSettings) -> Provenance:
        """See ``provenance.Traceable``."""
        from killswitch_backends.kubernetes.provenance import provenance

        return provenance(settings)


@asynccontextmanager
async def _opened(settings: KubernetesSettings, surroundings: Surroundings) -> AsyncIterator[Backend]:
    from killswitch_backends.kubernetes.api import Api
    from killswitch_backends.kubernetes.backend import KubernetesBackend
    from killswitch_backends.kubernetes.background import background

    ref = BackendRef(Kubernetes.kind, settings.name)
    api = Api(settings, str(ref))
    try:
        async with background() as tasks:
            yield KubernetesBackend(ref, settings, surroundings, api, tasks)
    finally:
        await api.close()


KIND: BackendKind = Kubernetes()
