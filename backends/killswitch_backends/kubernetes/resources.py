"""Names and paths of API objects, so that nothing else builds a URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from killswitch_backends.problems import Unsupported
from killswitch_inventory.targets import BackendRef, TargetId

_OBJECT_NAME = re.compile(r"^[a-z0-9]([a-z0-9.:-]*[a-z0-9])?$")
_KIND = re.compile(r"^[A-Za-z][A-Za-z0-9.]*$")


class ObjectKey(NamedTuple):
    """One workload within a cluster; its text is the path of a target id (``payments/Deployment/refund-1``)."""

    namespace: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.kind}/{self.name}"

    def target(self, backend: BackendRef) -> TargetId:
        return TargetId(backend, str(self))

    @classmethod
    def of(cls, target: TargetId) -> ObjectKey:
        """Read ``NAMESPACE/KIND/OBJECT``.

        Raises:
            Unsupported: when it is no such path, or holds what can be no object's name.
        """
        parts = target.path.split("/")
        if len(parts) != 3 or not (
            _OBJECT_NAME.match(parts[0]) and _KIND.match(parts[1]) and _OBJECT_NAME.match(parts[2])
        ):
            raise Unsupported(str(target), "is not NAMESPACE/KIND/OBJECT", todo="e.g. payments/Deployment/refund-1")
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of API object: the root of its API (``/apis/apps/v1``) and its plural (``deployments``)."""

    root: str
    plural: str

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The path of one object, of a namespace's objects, or (no namespace) of all of them."""
        place = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        return f"{self.root}{place}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")

    @property
    def builtin(self) -> bool:
        """Whether it is of Kubernetes itself: groups of others have a domain's name."""
        return "." not in self.root

    def __str__(self) -> str:
        return self.plural


POD = "Pod"
PODS = Resource("/api/v1", "pods")
NODES = Resource("/api/v1", "nodes")
SERVICE_ACCOUNTS = Resource("/api/v1", "serviceaccounts")
AUTOSCALERS = Resource("/apis/autoscaling/v2", "horizontalpodautoscalers")
DEFINITIONS = Resource("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions")
