"""Where the Kubernetes backend's behaviour is tested: the simulator, or any cluster whose kubeconfig is given.

``make real KUBECONFIG=FILE`` sets ``KILLSWITCH_REAL_KUBECONFIG``. The cluster must be one that may be thrown away: the
tests make the namespace ``payments``, refuse to begin where it exists, and delete it after each test.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes import KIND
from killswitch_backends.protocol import Backend
from killswitch_backends.simulator.seams import AgentSpec
from kubernetes_table import Admin, surroundings, table_of
from kubernetes_workloads import NAMESPACE
from simulated import eventually, running

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
    simulated: bool

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Backend]:
        """The backend on it."""
        async with KIND.open(KIND.settings.model_validate(self.table), surroundings()) as backend:
            yield backend


@asynccontextmanager
async def disposable(specs: Sequence[AgentSpec]) -> AsyncIterator[Disposable]:
    """A cluster with an empty namespace ``payments``; simulated, it also runs these agents."""
    if REAL:
        async with _proxied(REAL) as admin, _namespace(admin):
            yield Disposable(admin, {"name": "sim", "kubeconfig": REAL, "namespaces": [NAMESPACE]}, simulated=False)
    else:
        async with running(specs=specs) as sim:
            yield Disposable(Admin(sim), table_of(sim), simulated=True)


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
async def _namespace(admin: Admin) -> AsyncIterator[None]:
    path = "/api/v1/namespaces"
    names = [item["metadata"]["name"] for item in admin.call("GET", path)["items"]]
    assert NAMESPACE not in names, f"namespace {NAMESPACE} exists: this cluster is not one to throw away"
    admin.call("POST", path, {"metadata": {"name": NAMESPACE}})
    try:
        yield
    finally:
        admin.call("DELETE", f"{path}/{NAMESPACE}")
        await eventually(
            lambda: NAMESPACE not in [i["metadata"]["name"] for i in admin.call("GET", path)["items"]], within=120
        )
