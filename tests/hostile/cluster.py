"""What an API server tells of two Deployments, one of which was halted and has a pod that runs all the time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from hostile.liar import Reply
from hostile.strategies import on_the_wire
from killswitch_backends.kubernetes import KIND
from killswitch_backends.kubernetes.resources import ObjectKey
from killswitch_backends.protocol import Backend
from killswitch_inventory.targets import BackendRef
from kubernetes_table import surroundings

REF = BackendRef("kubernetes", "lies")
KEY = ObjectKey("payments", "Deployment", "refund-1")
TARGET, OTHER = KEY.target(REF), ObjectKey("payments", "Deployment", "refund-2").target(REF)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def deployment(name: str, *, replicas: int) -> dict[str, Any]:
    labels = {"agent": name, "app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": "payments",
            "uid": f"u-{name}",
            "resourceVersion": "7",
            "generation": 2,
            "labels": labels,
            "annotations": {"note": "x"},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a"}]}},
        },
        "status": {"observedGeneration": 2, "readyReplicas": replicas},
    }


def pod(name: str, *, owner: str = "ReplicaSet") -> dict[str, Any]:
    """A pod that runs on a ready node."""
    controller = {"apiVersion": "apps/v1", "kind": owner, "name": f"{name}-abc", "controller": True, "uid": "r"}
    return {
        "metadata": {
            "name": f"{name}-abc-x",
            "namespace": "payments",
            "uid": f"p-{name}",
            "resourceVersion": "9",
            "labels": {"agent": name, "app": name, "pod-template-hash": "abc"},
            "ownerReferences": [controller],
        },
        "spec": {"nodeName": "n1", "containers": [{"name": "a"}], "terminationGracePeriodSeconds": 1},
        "status": {"phase": "Running", "containerStatuses": [{"name": "a", "state": {"running": {}}}]},
    }


def listed(kind: str, *items: Any) -> dict[str, Any]:
    return {"kind": f"{kind}List", "metadata": {"resourceVersion": "100"}, "items": list(items)}


NODE = {
    "metadata": {"name": "n1", "uid": "n", "resourceVersion": "3"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}
OFF, PODS = deployment("refund-1", replicas=0), listed("Pod", pod("refund-1"))
DEPLOYMENTS = "/apis/apps/v1/namespaces/payments/deployments"


class Cluster:
    """What the liar answers: a document, or bytes, by path; an empty list for every other collection."""

    def __init__(self, **more: Any) -> None:
        self.documents: dict[str, Any] = {
            f"{DEPLOYMENTS}/refund-1": OFF,
            "/api/v1/namespaces/payments/pods": PODS,
            "/api/v1/namespaces/payments/pods/refund-1-abc-x": PODS["items"][0],
            "/api/v1/nodes/n1": NODE,
            "/apis": {"kind": "APIGroupList", "groups": []},
        } | more
        self.events: dict[str, bytes] = {}

    def answer(self, request: web.Request, _body: bytes) -> Reply:
        if "watch" in request.query:
            return Reply(self.events.get(request.path, b""), stays=True)
        found = self.documents.get(request.path, listed("Any"))
        return Reply(found if isinstance(found, bytes) else on_the_wire(found))


@asynccontextmanager
async def opened(kubeconfig: Path) -> AsyncIterator[Backend]:
    settings = KIND.settings(name="lies", kubeconfig=str(kubeconfig), namespaces=["payments"])
    async with KIND.open(settings, surroundings()) as backend:
        yield backend
