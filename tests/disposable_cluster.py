"""Where the Kubernetes backend's behaviour is tested: the simulator, or any cluster whose kubeconfig is given.

``make real KUBECONFIG=FILE`` sets ``KILLSWITCH_REAL_KUBECONFIG``. The cluster must be one that may be thrown away: the
tests make the namespace ``payments``, refuse to begin where it exists, and delete it after each test.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from killswitch_backends.kubernetes import KIND
from killswitch_backends.protocol import Backend
from killswitch_backends.simulator.seams import AgentSpec
from killswitch_console.assembling import engine_settings
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.events import EngineEvent
from kubelet import node
from kubernetes_table import Admin, surroundings, table_of
from kubernetes_workloads import NAMESPACE, manifest, path
from simulated import Simulated, eventually, running

REAL = os.environ.get("KILLSWITCH_REAL_KUBECONFIG", "")
_SERVING = re.compile(r"127\.0\.0\.1:(\d+)")


@dataclass(frozen=True, slots=True)
class Proxied:
    """A real cluster behind ``kubectl proxy``."""

    url: str


@dataclass(frozen=True, slots=True)
class Disposable:
    """A cluster for one test."""

    admin: Admin
    table: dict[str, Any]
    sim: Simulated | None
    """None: a real one, of which nobody knows more than its API tells."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Backend]:
        """The backend on it."""
        async with KIND.open(KIND.settings.model_validate(self.table), surroundings()) as backend:
            yield backend

    @asynccontextmanager
    async def engine(
        self, folder: Path, hear: Callable[[EngineEvent], object] = lambda _: None
    ) -> AsyncIterator[Engine]:
        """An engine with this cluster alone, which it has seen; its state goes to a folder."""
        config = folder / "config.toml"
        table = "\n".join(f"{key} = {json.dumps(value)}" for key, value in self.table.items())
        state = json.dumps(str(folder / "state"))
        config.write_text(f'environment = "test"\nstate_dir = {state}\n\n[[kubernetes]]\n{table}\n')
        async with open_engine(engine_settings(load_configuration(config)), hear) as engine:
            await engine.discover()
            yield engine

    def acting(self, selector: str = "") -> list[str]:
        """The pods of which a container may still run."""
        pods = self.admin.pods(selector=selector)
        return [pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") not in ("Succeeded", "Failed")]


@asynccontextmanager
async def disposable(specs: Sequence[AgentSpec]) -> AsyncIterator[Disposable]:
    """A cluster with these agents in the namespace ``payments``, each a Deployment that runs."""
    if REAL:
        async with _proxied(REAL) as admin, _nodes(admin), _namespace(admin):
            await _deployed(admin, specs)
            yield Disposable(admin, {"name": "sim", "kubeconfig": REAL, "namespaces": [NAMESPACE]}, sim=None)
    else:
        async with running(specs=specs) as sim:
            yield Disposable(Admin(sim), table_of(sim), sim)


async def _deployed(admin: Admin, specs: Sequence[AgentSpec]) -> None:
    """What the simulator seeds itself with."""
    for spec in specs:
        body = manifest("Deployment", spec.name, replicas=spec.replicas)
        body["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = max(1, math.ceil(spec.grace))
        labels = {"agent-class": spec.agent_class, "agent-tenant": spec.tenant}
        for meta in (body["metadata"], body["spec"]["template"]["metadata"]):
            meta["labels"] = meta["labels"] | labels
        admin.call("POST", path("Deployment"), body)
    wanted = {spec.name: spec.replicas for spec in specs}
    await eventually(
        lambda: {name: _ready(admin, name) for name in wanted} == wanted, within=60 + 2 * len(specs), every=0.2
    )


def _ready(admin: Admin, name: str) -> int:
    return int(admin.deployment(name)["status"].get("readyReplicas", 0))


@asynccontextmanager
async def _proxied(kubeconfig: str) -> AsyncIterator[Admin]:
    """Somebody else with requests to the same cluster, with the kubeconfig's own credentials."""
    command = ("kubectl", "--kubeconfig", kubeconfig, "proxy", "--port=0", "--append-server-path")
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    try:
        async with asyncio.timeout(20):
            line = (await child.stdout.readline()).decode()
        found = _SERVING.search(line)
        assert found, f"kubectl proxy said {line!r}"
        yield Admin(Proxied(f"http://{found[0]}"), prefix="", token="")
    finally:
        child.terminate()
        await child.wait()


@asynccontextmanager
async def _nodes(admin: Admin) -> AsyncIterator[None]:
    """Where a control plane has no node, one that reports and ends pods without running them."""
    if admin.call("GET", "/api/v1/nodes")["items"]:
        yield
    else:
        async with node(admin.sim.url):
            yield


@asynccontextmanager
async def _namespace(admin: Admin) -> AsyncIterator[None]:
    place = "/api/v1/namespaces"

    def names(*, active: bool = False) -> list[str]:
        found = [
            item for item in admin.call("GET", place)["items"] if not active or item["status"]["phase"] == "Active"
        ]
        return [item["metadata"]["name"] for item in found]

    assert NAMESPACE not in names(), f"namespace {NAMESPACE} exists: this cluster is not one to throw away"
    admin.call("POST", place, {"metadata": {"name": NAMESPACE}})
    try:
        yield
    finally:
        if NAMESPACE in names(active=True):  # a test may have deleted it itself
            admin.call("DELETE", f"{place}/{NAMESPACE}")
        await eventually(lambda: NAMESPACE not in names(), within=120, every=0.2)
