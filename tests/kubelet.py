"""A node for a control plane that has none: it runs no container, but reports and ends pods in a kubelet's own order.

An API server with its controllers and scheduler alone (no node) is enough to see how specs, conflicts, autoscalers and
garbage collection really behave; ``disposable_cluster`` brings this node where the cluster has none.

What it keeps of a kubelet: a pod bound to it gets ``Running`` with its container statuses; told to end, its containers
are first reported as terminated and the phase as ``Failed``, then the object is deleted with grace 0 and its uid; a pod
that was deleted by force vanishes for it too, it renews its lease, and it outlives an API server that is restarted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

NODE = "killswitch-test-node"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_MERGE = "application/merge-patch+json"
_RENEW_SECONDS = 5.0
_AGAIN_SECONDS = 0.2
_ANSWER_SECONDS = 10.0
_ENDS_WITHIN = 0.9
"""The share of their grace after which containers end: they ignore SIGTERM, as agents do."""


@dataclass(slots=True)
class Kubelet:
    """One node and the pods on it."""

    session: aiohttp.ClientSession
    ended: set[str] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def call(self, method: str, path: str, body: Any = None, *, content: str = "application/json") -> Any:
        """One request, made again while there is no API server to answer it; None where the object is not as meant."""
        data = None if body is None else json.dumps(body)
        while True:
            try:
                async with self.session.request(method, path, data=data, headers={"Content-Type": content}) as answer:
                    if answer.status in (404, 409, 422):
                        return None
                    answer.raise_for_status()
                    return await answer.json()
            except (aiohttp.ClientError, TimeoutError) as error:
                if not is_away(error):
                    raise
                await asyncio.sleep(_AGAIN_SECONDS)

    async def register(self) -> None:
        """Make the node, ready and with room."""
        await self.call("POST", "/api/v1/nodes", {"metadata": {"name": NODE, "labels": {"kubernetes.io/os": "linux"}}})
        await self.report()
        lease = {"metadata": {"name": NODE}, "spec": {"holderIdentity": NODE, "leaseDurationSeconds": 40}}
        await self.call("POST", _LEASES, lease)

    async def report(self) -> None:
        """Say that it is ready: whoever thought it lost, because nobody could hear it, thinks better of it."""
        room = {"cpu": "64", "memory": "64Gi", "pods": "5000"}
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now()}
        status = {"capacity": room, "allocatable": room, "conditions": [ready]}
        await self.call("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": status}, content=_MERGE)

    async def renew(self) -> None:
        """Say that the node lives, again and again."""
        while True:
            spec = {"renewTime": datetime.now(UTC).isoformat().replace("+00:00", "Z")}
            await self.call("PATCH", f"{_LEASES}/{NODE}", {"spec": spec}, content=_MERGE)
            await self.report()
            await asyncio.sleep(_RENEW_SECONDS)

    async def keep(self) -> None:
        """Do for its pods what they ask, until cancelled."""
        selected = f"fieldSelector=spec.nodeName%3D{NODE}"
        while True:
            listed = await self.call("GET", f"/api/v1/pods?{selected}")
            for pod in listed["items"]:
                self.hear(pod)
            version = listed["metadata"]["resourceVersion"]
            path = f"/api/v1/pods?{selected}&watch=1&resourceVersion={version}&timeoutSeconds=300"
            try:
                async with self.session.get(path, timeout=aiohttp.ClientTimeout(total=None)) as events:
                    events.raise_for_status()
                    async for line in events.content:
                        if not line.endswith(b"\n"):
                            break  # cut in the middle
                        event = json.loads(line)
                        if event["type"] in ("ADDED", "MODIFIED"):
                            self.hear(event["object"])
            except aiohttp.ClientError as error:
                if not is_away(error):
                    raise
                await asyncio.sleep(_AGAIN_SECONDS)

    def hear(self, pod: dict[str, Any]) -> None:
        """Begin what a pod needs now."""
        meta, phase = pod["metadata"], pod["status"].get("phase")
        if "deletionTimestamp" in meta:
            if meta["uid"] not in self.ended:
                self.ended.add(meta["uid"])
                self.start(self.end(pod))
        elif phase == "Pending" or (phase == "Running" and not is_ready(pod)):  # its node was thought lost
            self.start(self.run(pod))

    def start(self, work: Any) -> None:
        task = asyncio.create_task(work, name="a pod of the test's node")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def run(self, pod: dict[str, Any]) -> None:
        """Its containers run, and are ready."""
        state = {"running": {"startedAt": now()}}
        conditions = [{"type": kind, "status": "True"} for kind in ("Initialized", "Ready", "ContainersReady")]
        status = {"phase": "Running", "startTime": now(), "podIP": "10.1.0.1", "conditions": conditions}
        statuses = [container_status(container, state, ready=True) for container in pod["spec"]["containers"]]
        body = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": {**status, "containerStatuses": statuses}}
        await self.call("PATCH", f"{path_of(pod)}/status", body, content="application/strategic-merge-patch+json")

    async def end(self, pod: dict[str, Any]) -> None:
        """Its containers end within their grace; that is said first, and the object goes then."""
        uid = pod["metadata"]["uid"]
        if pod["status"].get("phase") not in ("Succeeded", "Failed"):
            await asyncio.sleep(_ENDS_WITHIN * pod["metadata"].get("deletionGracePeriodSeconds", 0))
            state = {"terminated": {"exitCode": 137, "finishedAt": now(), "reason": "Error"}, "running": None}
            statuses = [container_status(container, state, ready=False) for container in pod["spec"]["containers"]]
            body = {"metadata": {"uid": uid}, "status": {"phase": "Failed", "containerStatuses": statuses}}
            await self.call("PATCH", f"{path_of(pod)}/status", body, content=_MERGE)
        await self.call("DELETE", path_of(pod), {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})


@asynccontextmanager
async def node(address: str) -> AsyncIterator[None]:
    """A node of the cluster at an address that needs no credentials (``kubectl proxy``)."""
    async with aiohttp.ClientSession(address, timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS)) as session:
        kubelet = Kubelet(session)
        await kubelet.register()
        work = [asyncio.create_task(one, name="the test's node") for one in (kubelet.renew(), kubelet.keep())]
        try:
            yield
        finally:
            for task in (*work, *kubelet.tasks):
                task.cancel()
            await asyncio.gather(*work, *kubelet.tasks, return_exceptions=True)
            await kubelet.call("DELETE", f"/api/v1/nodes/{NODE}")


def is_ready(pod: dict[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))


def is_away(error: Exception) -> bool:
    """Whether there was no answer of the API server's own: it is being restarted, or is not ready yet."""
    return not isinstance(error, aiohttp.ClientResponseError) or error.status >= 500 or error.status == 429


def path_of(pod: dict[str, Any]) -> str:
    meta = pod["metadata"]
    return f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"


def container_status(container: dict[str, Any], state: dict[str, Any], *, ready: bool) -> dict[str, Any]:
    image = container["image"]
    known = {"name": container["name"], "image": image, "imageID": image, "restartCount": 0}
    return {**known, "state": state, "ready": ready, "started": ready}


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
