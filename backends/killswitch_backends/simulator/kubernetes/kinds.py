"""The kinds of object this API server knows, and how a request path names them.

Kept as plain data so that discovery, storage and printing agree. Custom resources are added while serving.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One resource type of one group and version. Compared by identity: tables are looked up by it all the time."""

    group: str
    version: str
    name: str
    """The ``kind`` of its objects."""
    plural: str
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    status: bool = True
    """Whether it has a ``/status`` subresource, so that the main one cannot change the status."""
    scale: bool = False
    generation: bool = True
    """Whether ``metadata.generation`` counts changes of its spec."""
    categories: tuple[str, ...] = ()
    custom: bool = False
    """A custom resource: list items carry their type, strategic merge patch is refused."""
    fields: frozenset[str] = frozenset()
    """Field selectors it supports besides ``metadata.name`` and ``metadata.namespace``."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        return self.name.lower()

    @property
    def qualified(self) -> str:
        """How error messages name the resource: ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """How validation messages name the kind: ``Deployment.apps``."""
        return f"{self.name}.{self.group}" if self.group else self.name


_ALL = ("all",)

NAMESPACE = Kind(
    "", "v1", "Namespace", "namespaces", ("ns",), False, generation=False, fields=frozenset({"status.phase"})
)
NODE = Kind("", "v1", "Node", "nodes", ("no",), False, generation=False, fields=frozenset({"spec.unschedulable"}))
POD = Kind(
    "",
    "v1",
    "Pod",
    "pods",
    ("po",),
    generation=False,
    categories=_ALL,
    fields=frozenset(
        {
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
        }
    ),
)
SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts", ("sa",), status=False, generation=False)
EVENT = Kind(
    "",
    "v1",
    "Event",
    "events",
    ("ev",),
    status=False,
    generation=False,
    fields=frozenset(
        {
            "involvedObject.kind",
            "involvedObject.name",
            "involvedObject.namespace",
            "involvedObject.uid",
            "reason",
            "type",
        }
    ),
)
RESOURCE_QUOTA = Kind("", "v1", "ResourceQuota", "resourcequotas", ("quota",), generation=False)
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps", ("cm",), status=False, generation=False)
SECRET = Kind("", "v1", "Secret", "secrets", status=False, generation=False, fields=frozenset({"type"}))
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments", ("deploy",), scale=True, categories=_ALL)
REPLICA_SET = Kind(
    "apps",
    "v1",
    "ReplicaSet",
    "replicasets",
    ("rs",),
    scale=True,
    categories=_ALL,
    fields=frozenset({"status.replicas"}),
)
STATEFUL_SET = Kind("apps", "v1", "StatefulSet", "statefulsets", ("sts",), scale=True, categories=_ALL)
DAEMON_SET = Kind("apps", "v1", "DaemonSet", "daemonsets", ("ds",), categories=_ALL)
JOB = Kind("batch", "v1", "Job", "jobs", categories=_ALL, fields=frozenset({"status.successful"}))
CRON_JOB = Kind("batch", "v1", "CronJob", "cronjobs", ("cj",), categories=_ALL)
AUTOSCALER = Kind(
    "autoscaling",
    "v2",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    ("hpa",),
    generation=False,
    categories=_ALL,
)
DEFINITION = Kind(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", ("crd", "crds"), False
)

BUILT_IN = (
    NAMESPACE,
    NODE,
    POD,
    SERVICE_ACCOUNT,
    EVENT,
    RESOURCE_QUOTA,
    CONFIG_MAP,
    SECRET,
    DEPLOYMENT,
    REPLICA_SET,
    STATEFUL_SET,
    DAEMON_SET,
    JOB,
    CRON_JOB,
    AUTOSCALER,
    DEFINITION,
)


@dataclass(slots=True)
class Kinds:
    """The kinds that are served now, by group, version and plural name."""

    _served: dict[tuple[str, str, str], Kind] = field(default_factory=dict)

    @classmethod
    def built_in(cls) -> Kinds:
        kinds = cls()
        for kind in BUILT_IN:
            kinds.add(kind)
        return kinds

    def add(self, kind: Kind) -> None:
        """Serve one more kind, or replace the one of the same path."""
        self._served[kind.group, kind.version, kind.plural] = kind

    def remove(self, kind: Kind) -> None:
        self._served.pop((kind.group, kind.version, kind.plural), None)

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        return self._served.get((group, version, plural))

    def by_name(self, api_version: str, name: str) -> Kind | None:
        """The kind an ownerReference or a body names."""
        return next((k for k in self._served.values() if k.name == name and k.api_version == api_version), None)

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._served.values())

    def groups(self) -> dict[str, list[str]]:
        """Group name to its versions, the core group ("") included, in order of registration."""
        found: dict[str, list[str]] = {"": ["v1"]}
        for kind in self:
            versions = found.setdefault(kind.group, [])
            if kind.version not in versions:
                versions.append(kind.version)
        for group, version in _REVIEW_VERSIONS:
            found.setdefault(group, [version])
        return found


_REVIEW_VERSIONS = (("authorization.k8s.io", "v1"), ("authentication.k8s.io", "v1"))
