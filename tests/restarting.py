"""A cluster whose API server is killed and started again in the middle of something.

On the simulator a gate before it is shut and opened again: connections are reset and refused, the watches' past is
lost, and for its first requests it does not know yet who may do what, as a real one. On a real cluster
(``disposable_cluster``) it is the command in ``KILLSWITCH_REAL_RESTART`` that kills its API server.
"""

from __future__ import annotations

import asyncio
import http.client
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

from disposable_cluster import REAL, Disposable, disposable
from gated import Gate
from killswitch_backends.simulator.seams import AgentSpec
from killswitch_backends.simulator.server import Simulator

COMMAND = os.environ.get("KILLSWITCH_REAL_RESTART", "")
IMPOSSIBLE = "make real RESTART=COMMAND says how its API server is restarted" if REAL and not COMMAND else ""
"""Why it cannot be done here; empty if it can."""

AWAY = 0.6
"""Seconds that the simulated one is away."""
REFUSED = (
    'deployments.apps "refund-0" is forbidden: User "oncall" cannot {verb} resource "{resource}" in API group "apps"'
)
PATCHES_REFUSED, ALL_REFUSED = 20, 30
_COMMAND_SECONDS = 180.0

T = TypeVar("T")
Restart = Callable[[], Awaitable[None]]


@asynccontextmanager
async def restartable(specs: Sequence[AgentSpec]) -> AsyncIterator[tuple[Disposable, Restart]]:
    """A cluster with these agents, and what kills its API server and starts it again."""
    async with disposable(specs) as cluster:
        if cluster.sim is None:
            yield cluster, _command
        else:
            async with Gate(urlsplit(cluster.sim.url).port or 0).serving() as gate:
                yield _behind(gate, cluster), lambda: _shut_and_opened(gate, cluster)


def _behind(gate: Gate, cluster: Disposable) -> Disposable:
    assert cluster.sim is not None
    kubeconfig = cluster.sim.tmp / "behind-the-gate"
    there, here = urlsplit(cluster.sim.url).netloc, f"127.0.0.1:{gate.port}"
    kubeconfig.write_text(cluster.sim.tmp.joinpath(cluster.table["kubeconfig"]).read_text().replace(there, here))
    return replace(cluster, table=cluster.table | {"kubeconfig": str(kubeconfig)})


async def _shut_and_opened(gate: Gate, cluster: Disposable) -> None:
    assert cluster.sim is not None
    gate.shut()
    cluster.sim.inside(_forget)
    refusing = {"kind": "error", "status": 403}
    words = {
        "patches": REFUSED.format(verb="patch", resource="deployments"),
        "all": REFUSED.format(verb="list", resource="pods"),
    }
    cluster.sim.faults.add(operation="kubernetes.patch", message=words["patches"], count=PATCHES_REFUSED, **refusing)
    cluster.sim.faults.add(operation="kubernetes", message=words["all"], count=ALL_REFUSED, **refusing)
    await asyncio.sleep(AWAY)
    await gate.open()


def _forget(simulator: Simulator) -> None:
    """What an API server loses with its caches: whoever watched from a version on must list anew."""
    store = simulator.faces[0].store  # type: ignore[attr-defined]
    for table in store._tables.values():
        table.history.clear()
        table.floor = store.version


async def _command() -> None:
    async with asyncio.timeout(_COMMAND_SECONDS):
        process = await asyncio.create_subprocess_shell(COMMAND, stdin=asyncio.subprocess.DEVNULL)
        assert await process.wait() == 0, f"{COMMAND!r} exited {process.returncode}"


async def answered(work: Callable[[], T], *, within: float = 120.0) -> T:
    """What an administrator's request gives once there is an API server again."""
    async with asyncio.timeout(within):
        while True:
            try:
                return work()
            except (AssertionError, OSError, http.client.HTTPException):
                await asyncio.sleep(0.2)
