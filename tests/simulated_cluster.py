"""A simulated Kubernetes cluster alone on a loopback port, with the world and the faults replaced by recorders."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from killswitch_backends.simulator.kubernetes import TOKEN, KubernetesFace
from killswitch_backends.simulator.seams import AgentSpec, Runtime

PATIENCE = 15.0


@dataclass
class RecordedActing:
    """Which instances run now, and which ever ran."""

    running: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)

    def instance_started(self, agent: str, instance: str, *, identity: str | None) -> None:
        self.running[instance] = (agent, identity)
        self.started.append(agent)

    def instance_ended(self, instance: str) -> None:
        self.running.pop(instance, None)

    def count(self, agent: str) -> int:
        return sum(1 for name, _ in self.running.values() if name == agent)


@dataclass
class ScriptedFaults:
    """Records every strike; answers or raises what a test planned for an operation."""

    struck: list[tuple[str, bool]] = field(default_factory=list)
    planned: dict[tuple[str, bool], Callable[[], web.StreamResponse | None]] = field(default_factory=dict)

    async def strike(self, operation: str, *, applied: bool = False) -> web.StreamResponse | None:
        self.struck.append((operation, applied))
        plan = self.planned.get((operation, applied))
        return plan() if plan else None


@dataclass
class Answer:
    """A response, read whole."""

    status: int
    body: Any
    headers: Any


@dataclass
class Cluster:
    """The running cluster and a plain HTTP client of it."""

    face: KubernetesFace
    acting: RecordedActing
    faults: ScriptedFaults
    session: aiohttp.ClientSession
    address: str

    async def call(
        self, method: str, path: str, body: Any = None, *, kind: str = "application/json", **headers: str
    ) -> Answer:
        """One request; ``kind`` is the body's content type, ``merge``, ``json`` and ``strategic`` name patches."""
        kind = {
            "merge": "application/merge-patch+json",
            "json": "application/json-patch+json",
            "strategic": "application/strategic-merge-patch+json",
        }.get(kind, kind)
        data = None if body is None else json.dumps(body)
        sent = {"Content-Type": kind, **headers} if data is not None else headers
        async with self.session.request(method, self.address + path, data=data, headers=sent) as response:
            text = await response.read()
            return Answer(response.status, json.loads(text) if text else None, response.headers)

    async def get(self, path: str) -> Any:
        """The body of a GET that must succeed."""
        answer = await self.call("GET", path)
        assert answer.status == 200, answer.body
        return answer.body

    async def patch(self, path: str, body: Any, kind: str = "merge") -> Answer:
        return await self.call("PATCH", path, body, kind=kind)

    async def pods(self, selector: str = "", namespace: str = "agents") -> list[Any]:
        found = await self.get(f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")
        items: list[Any] = found["items"]
        return items

    @asynccontextmanager
    async def watch(self, path: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        """An open watch; what is yielded gives the next event, or None at the end of the stream."""
        async with self.session.get(self.address + path) as response:
            assert response.status == 200, await response.text()

            async def next_event() -> Any:
                async with asyncio.timeout(PATIENCE):
                    line = await response.content.readline()
                return json.loads(line) if line else None

            yield next_event

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig file for kubectl and the official client."""
        cluster = {"name": "simulated", "cluster": {"server": self.address}}
        user = {"name": "oncall", "user": {"token": TOKEN}}
        context = {"name": "simulated", "context": {"cluster": "simulated", "user": "oncall", "namespace": "agents"}}
        content = {"apiVersion": "v1", "kind": "Config", "current-context": "simulated"}
        path = folder / "kubeconfig"
        path.write_text(json.dumps({**content, "clusters": [cluster], "users": [user], "contexts": [context]}))
        return path


async def until(holds: Callable[[], Awaitable[bool] | bool], patience: float = PATIENCE) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(patience):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


def agent(name: str, **changes: Any) -> AgentSpec:
    """A spec of one agent on Kubernetes."""
    values: dict[str, Any] = {
        "agent_class": "refund",
        "tenant": "acme",
        "namespace": "agents",
        "replicas": 2,
        "grace": 1,
    }
    return AgentSpec(name=name, runtime=Runtime.KUBERNETES, **{**values, **changes})


def workload(name: str, *, grace: int = 0, **spec: Any) -> Any:
    """A workload whose pods are labelled ``app=NAME`` and ``agent=NAME``.

    Without grace an object goes at once, and its container within a second, as on a real cluster.
    """
    labels = {"app": name, "agent": name}
    pod = {"containers": [{"name": "c", "image": "i:1"}], "terminationGracePeriodSeconds": grace}
    template = {"metadata": {"labels": labels}, "spec": {**pod, **spec.pop("pod", {})}}
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


async def make(cluster: Cluster, path: str, body: Any) -> Any:
    """Create an object; the server's answer."""
    answer = await cluster.call("POST", path, body)
    assert answer.status == 201, answer.body
    return answer.body


def job(name: str, *, seconds: float, **spec: Any) -> Any:
    """A Job whose container completes after some seconds."""
    pod = {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never", "terminationGracePeriodSeconds": 0}
    about = {"labels": {"agent": name}, "annotations": {"simulator/run-seconds": str(seconds)}}
    return {"metadata": {"name": name}, "spec": {"template": {"metadata": about, "spec": pod}, **spec}}


@asynccontextmanager
async def simulated_cluster(agents: Sequence[AgentSpec] = (), **options: Any) -> AsyncIterator[Cluster]:
    """Serve a cluster with these agents, its controllers running."""
    acting, faults = RecordedActing(), ScriptedFaults()
    face = KubernetesFace(acting=acting, faults=faults, rng=random.Random(7), **options)
    face.seed(agents or [agent("refund-1"), agent("refund-2", role="refund")])
    app = web.Application()
    app.add_subapp(face.prefix, face.application())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    controllers = asyncio.create_task(face.run(), name="simulated cluster")
    broken: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: broken.append(context))
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}{face.prefix}"
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
            yield Cluster(face, acting, faults, session, address)
    finally:
        controllers.cancel()
        outcome = (await asyncio.gather(controllers, return_exceptions=True))[0]
        await runner.cleanup()
        if not isinstance(outcome, asyncio.CancelledError) and isinstance(outcome, BaseException):
            raise outcome
        assert not broken, "a timer of the cluster failed"
