"""One ``[[kubernetes]]`` table of the configuration."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

_TABLE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
_NAMESPACE = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"


class Revivers(StrEnum):
    """What a halt does with what would bring a workload back: autoscalers, Argo CD, Flux, operators."""

    NEUTRALISE = "neutralise"
    REPORT = "report"


class KubernetesSettings(BaseModel):
    """Which cluster, as whom, and which part of it. Several tables may point to one cluster."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(pattern=_TABLE_NAME)
    kubeconfig: str | None = None
    """Path of the kubeconfig, ``~`` allowed. Default: ``$KUBECONFIG``, ``~/.kube/config``, then in-cluster."""
    context: str | None = None
    """Default: the kubeconfig's current context."""
    namespaces: tuple[str, ...] = Field(default=(), strict=False)
    """Default: every namespace."""
    selector: str | None = None
    """A label selector that says which workloads are agents. Default: the agent label exists."""

    eks_cluster: str | None = Field(default=None, pattern=r"^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$")
    """The name in EKS, as in ``eks_clusters`` of an ``[[iam]]`` table: there, Pod Identity gives pods their roles."""

    audit_log: str | None = None
    """The API server's audit log, or a copy of it: ``audit verify`` looks recorded calls up in it. ``~`` allowed."""

    revivers: Revivers = Field(default=Revivers.NEUTRALISE, strict=False)
    """``neutralise`` holds revivers still with the target (and lets them go with it), ``report`` only names them."""

    def model_post_init(self, _context: object) -> None:
        """Refuse what could never be a namespace, so that nothing odd reaches a request's path."""
        for namespace in self.namespaces:
            if not re.match(_NAMESPACE, namespace):
                raise ValueError(f"namespaces: {namespace!r} is not a namespace's name")

    @property
    def audit_log_path(self) -> Path | None:
        """The configured audit log with ``~`` expanded."""
        return Path(self.audit_log).expanduser() if self.audit_log else None

    @property
    def kubeconfig_path(self) -> Path | None:
        """The configured kubeconfig with ``~`` expanded."""
        return Path(self.kubeconfig).expanduser() if self.kubeconfig else None
