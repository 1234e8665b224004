"""Where a table's cluster credentials come from: read off the kubeconfig, running no plugin and asking nobody."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_backends.provenance import Provenance

_UNREADABLE = "a kubeconfig that cannot be read"


def provenance(settings: KubernetesSettings, environ: Mapping[str, str] = os.environ) -> Provenance:
    """Of one table. See ``provenance.Traceable``."""
    files = _files(settings, environ)
    if not files:
        if "KUBERNETES_SERVICE_HOST" in environ and settings.kubeconfig is None:
            return Provenance("the pod's own service account", "the cluster that this console runs in")
        return Provenance("no kubeconfig", _UNREADABLE)
    user = _user(files, settings.context)
    if user is None:
        return Provenance(f"kubeconfig {files[0]}: names no user for its context", _UNREADABLE)
    return _of_user(user)


def _files(settings: KubernetesSettings, environ: Mapping[str, str]) -> list[Path]:
    chain = settings.kubeconfig or environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    parts = [chain] if settings.kubeconfig else chain.split(os.pathsep)
    paths = [Path(part).expanduser() for part in parts if part]
    return [path for path in paths if path.is_file()]


def _user(files: list[Path], context: str | None) -> Mapping[str, Any] | None:
    """The user of the context, the first file that says something wins; None where there is none."""
    import yaml

    merged: dict[str, dict[str, Any]] = {"contexts": {}, "users": {}}
    for path in files:
        try:
            read = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue
        if not isinstance(read, dict):
            continue
        context = context or read.get("current-context")
        for kind, known in merged.items():
            for named in read.get(kind) or ():
                if isinstance(named, dict) and "name" in named:
                    known.setdefault(str(named["name"]), named.get(kind[:-1]) or {})
    chosen = merged["contexts"].get(str(context), {})
    user = merged["users"].get(str(chosen.get("user"))) if isinstance(chosen, dict) else None
    return user if isinstance(user, dict) else None


def _of_user(user: Mapping[str, Any]) -> Provenance:
    if plugin := user.get("exec"):
        command = Path(str(plugin.get("command", "?"))).name if isinstance(plugin, dict) else "?"
        return Provenance(f"the exec plugin {command}", f"the exec plugin {command}")
    if provider := user.get("auth-provider"):
        name = str(provider.get("name", "?")) if isinstance(provider, dict) else "?"
        return Provenance(f"the auth provider {name}", f"the auth provider {name}")
    if "client-certificate" in user or "client-certificate-data" in user:
        return Provenance("a client certificate")
    if "tokenFile" in user:
        return Provenance("a token file", "whatever renews that token file")
    if "token" in user:
        return Provenance("a token in the kubeconfig")
    return Provenance("a user without credentials", "nothing that would authenticate it")
