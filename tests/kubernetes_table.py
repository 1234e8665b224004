"""The Kubernetes backend opened on a running simulator, and another administrator's requests to the same cluster."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from killswitch_backends.kubernetes import KIND
from killswitch_backends.problems import Changed
from killswitch_backends.protocol import (
    Accepted,
    Backend,
    Captured,
    Failure,
    LabelKeys,
    Observation,
    Order,
    Profile,
    Sight,
    Surroundings,
    Watch,
)
from killswitch_backends.simulator.kubernetes.access import TOKEN
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from killswitch_inventory.sightings import ListingComplete, Sighting, TargetSighting
from killswitch_inventory.targets import BackendRef, TargetId
from simulated import Simulated

REF = BackendRef("kubernetes", "sim")
DEPLOYMENTS = "/apis/apps/v1/namespaces/{namespace}/deployments"


def agent(name: str, *, namespace: str = "payments", replicas: int = 2, grace: float = 0.4, **fields: Any) -> AgentSpec:
    """An agent on Kubernetes that acts quickly and ends quickly."""
    known: dict[str, Any] = {"agent_class": "refund", "tenant": "acme", "tick": 0.05, "role": f"{name}-role"} | fields
    return AgentSpec(
        name=name, runtime=Runtime.KUBERNETES, namespace=namespace, replicas=replicas, grace=grace, **known
    )


def order(halt_id: str = "H1", *, profile: Profile = Profile.IMMEDIATE) -> Order:
    return Order(halt_id, "os:oncall", "it refunds everybody", datetime.now(UTC), profile)


async def _no_secret(reference: str) -> str:
    raise AssertionError(f"the Kubernetes backend has no secret to ask for, but asked for {reference}")


def surroundings() -> Surroundings:
    return Surroundings("test", LabelKeys(), _no_secret, lambda: datetime.now(UTC))


def table_of(sim: Simulated) -> dict[str, Any]:
    """The ``[[kubernetes]]`` table that points to a simulator."""
    (table,) = tomllib.loads(sim.config_path.read_text())["kubernetes"]
    return dict(table)


@asynccontextmanager
async def opened(sim: Simulated, **changes: Any) -> AsyncIterator[Backend]:
    """The backend on a simulator; ``changes`` are keys of its table."""
    settings = KIND.settings.model_validate(table_of(sim) | changes)
    async with KIND.open(settings, surroundings()) as backend:
        yield backend


def target(name: str, *, namespace: str = "payments", kind: str = "Deployment") -> TargetId:
    return TargetId(REF, f"{namespace}/{kind}/{name}")


class Addressed(Protocol):
    """What serves a cluster's API below its address."""

    @property
    def url(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Admin:
    """Somebody else who works on the cluster, with ordinary blocking requests."""

    sim: Addressed
    prefix: str = "/kubernetes"
    token: str = TOKEN

    def call(self, method: str, path: str, body: object = None, *, content: str = "application/json") -> Any:
        connection = http.client.HTTPConnection(urlsplit(self.sim.url).netloc, timeout=20)
        headers = {"Content-Type": content, "User-Agent": "somebody-else" if self.token else "kubectl proxy"}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            connection.request(method, f"{self.prefix}{path}", None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status < 400, f"{method} {path}: {answer.status} {text}"
            return json.loads(text)
        finally:
            connection.close()

    def deployment(self, name: str, *, namespace: str = "payments") -> dict[str, Any]:
        return dict(self.call("GET", f"{DEPLOYMENTS.format(namespace=namespace)}/{name}"))

    def patch(
        self, name: str, body: object, *, namespace: str = "payments", by: str = "somebody-else"
    ) -> dict[str, Any]:
        path = f"{DEPLOYMENTS.format(namespace=namespace)}/{name}?fieldManager={by}"
        return dict(self.call("PATCH", path, body, content="application/merge-patch+json"))

    def scale(self, name: str, replicas: int, *, namespace: str = "payments", by: str = "somebody-else") -> None:
        self.patch(name, {"spec": {"replicas": replicas}}, namespace=namespace, by=by)

    def delete(self, name: str, *, namespace: str = "payments") -> None:
        self.call("DELETE", f"{DEPLOYMENTS.format(namespace=namespace)}/{name}?propagationPolicy=Background")

    def pods(self, *, namespace: str = "payments", selector: str = "") -> list[dict[str, Any]]:
        query = f"?labelSelector={quote(selector)}" if selector else ""
        return list(self.call("GET", f"/api/v1/namespaces/{namespace}/pods{query}")["items"])

    def set_node_ready(self, name: str, *, ready: bool) -> None:
        """What the control plane does when a node's kubelet stops reporting."""
        conditions = [{"type": "Ready", "status": "True" if ready else "Unknown", "reason": "NodeStatusUnknown"}]
        body = {"status": {"conditions": conditions}}
        self.call("PATCH", f"/api/v1/nodes/{name}/status", body, content="application/merge-patch+json")


_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
"""A real API server counts a DaemonSet's templates in an annotation."""
_OF_THE_SERVER = ("resourceVersion", "generation", "managedFields")


def comparable(item: dict[str, Any]) -> dict[str, Any]:
    """What a person could have written of an object: its status and the server's own counters left out."""
    meta = {key: value for key, value in item["metadata"].items() if key not in _OF_THE_SERVER}
    if _TEMPLATE_GENERATION in meta.get("annotations", {}):
        meta["annotations"] = {k: v for k, v in meta["annotations"].items() if k != _TEMPLATE_GENERATION}
    return {"metadata": meta, "spec": item["spec"]}


async def capture(backend: Backend, *targets: TargetId, fresh: bool = True) -> list[Captured]:
    """The prior states of all of these targets."""
    found = [item async for item in backend.capture(targets, fresh=fresh)]
    failures = [item for item in found if isinstance(item, Failure)]
    assert not failures, failures
    return [item for item in found if isinstance(item, Captured)]


async def halted(
    backend: Backend, *targets: TargetId, halt_id: str = "H1", profile: Profile = Profile.IMMEDIATE
) -> list[Watch]:
    """Capture and halt; what changed in between is captured anew, as the engine does."""
    wanted = order(halt_id, profile=profile)
    return [await _halted(backend, item, wanted) for item in await capture(backend, *targets)]


async def _halted(backend: Backend, captured: Captured, wanted: Order) -> Watch:
    for _ in range(10):
        try:
            return Watch(captured, await backend.halt(captured, wanted))
        except Changed:
            (captured,) = await capture(backend, captured.target)
    raise AssertionError(f"{captured.target} keeps changing")


@dataclass(slots=True)
class Reading:
    """A stream that is read as far as a test needs, with a deadline."""

    stream: AsyncIterator[Any]
    seen: list[Any] = field(default_factory=list)

    async def until(self, wanted: Any, *, within: float = 15.0) -> Any:
        """Read up to the first item for which ``wanted(item)`` holds."""
        async with asyncio.timeout(within):
            async for item in self.stream:
                self.seen.append(item)
                if wanted(item):
                    return item
        raise AssertionError("the stream ended")


@asynccontextmanager
async def reading(stream: AsyncIterator[Any]) -> AsyncIterator[Reading]:
    async with contextlib.aclosing(stream):  # type: ignore[type-var]
        yield Reading(stream)


@asynccontextmanager
async def sighting(backend: Backend) -> AsyncIterator[Reading]:
    """The sight stream, read up to the end of the first listing."""
    async with reading(backend.sight()) as sights:
        await sights.until(lambda item: isinstance(item, ListingComplete))
        yield sights


@asynccontextmanager
async def observing(backend: Backend, watches: Sequence[Watch]) -> AsyncIterator[Reading]:
    """The observation of some halted targets; their stream of watches ends at once, as it may."""

    async def arriving() -> AsyncIterator[Watch]:
        for watch in watches:
            yield watch

    async with reading(backend.observe(arriving())) as observations:
        yield observations


def sights_of(item: Sighting, name: str) -> bool:
    return isinstance(item, TargetSighting) and item.target.path.endswith(f"/{name}")


def is_stopped(item: Observation) -> bool:
    return item.sight is Sight.STOPPED


def accepted_anyhow(captured: Captured) -> Watch:
    """A halt whose answer was lost."""
    return Watch(captured, Accepted(captured.target, captured.at))
