"""Opening a cluster with a break-glass client certificate: no identity provider, no exec plugin, no token to mint.

The official loader gets a kubeconfig whose key is a path into memory: given inline it would write the key to /tmp.
"""

from __future__ import annotations

import base64
import json

from killswitch_backends.emergency import EmergencyCredential, Lend, UnusableCredential
from killswitch_backends.kubernetes.settings import KubernetesSettings

_NAME = "break-glass"


def emergency_settings(settings: KubernetesSettings, credential: EmergencyCredential, lend: Lend) -> KubernetesSettings:
    """A table's settings with a client certificate instead of its kubeconfig. Raises ``UnusableCredential``."""
    if credential.kind != "kubernetes-certificate":
        raise UnusableCredential(f"{credential.kind} cannot open a cluster")
    fields = credential.fields
    user = {
        "client-certificate": str(lend("kubernetes-certificate", fields["certificate"])),
        "client-key": str(lend("kubernetes-key", fields["key"])),
    }
    cluster = {"server": fields["server"]}
    if authority := fields.get("authority"):
        cluster["certificate-authority-data"] = base64.b64encode(authority.encode()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": _NAME,
        "clusters": [{"name": _NAME, "cluster": cluster}],
        "users": [{"name": _NAME, "user": user}],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME}}],
    }
    path = lend("kubeconfig", json.dumps(config))
    return settings.model_copy(update={"kubeconfig": str(path), "context": _NAME})
