"""10,000 Deployments with 20,000 pods: the first tree beside a bare transfer of the same lists, memory, CPU at rest.

The console runs in a process of its own (``watching_fleet.py``), the simulated cluster in this one.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from benchmarks.cold_start import kubernetes_only
from benchmarks.measuring import Row
from benchmarks.thousand_deployments import cluster
from kubernetes_table import agent
from simulated import Simulated, running

DEPLOYMENTS, NAMESPACES = 10_000, 50
ROUNDS = 3
EVENTS_PER_SECOND, SECONDS = 50, 15
CHILD = Path(__file__).parents[1] / "watching_fleet.py"
AGENTS = "&labelSelector=agent"
LISTS = (("/apis/apps/v1/deployments", AGENTS), ("/api/v1/pods", AGENTS), ("/api/v1/serviceaccounts", ""))
"""What the console lists, of what there is."""


async def measure() -> list[Row]:
    specs = [
        agent(f"agent-{n}", namespace=f"ns-{n % NAMESPACES}", replicas=2, tick=3600.0, grace=1.0, role=f"role-{n}")
        for n in range(DEPLOYMENTS)
    ]
    async with running(specs=specs) as sim:
        config = kubernetes_only(sim)
        bare: list[float] = []
        first: list[float] = []
        busy: list[float] = []
        memory: list[float] = []
        peak: list[float] = []
        share: list[float] = []
        for _ in range(ROUNDS):
            bare.append(await transfer(sim.config_path))
            async with console(config) as (facts, ask):
                first.append(facts["seconds"])
                busy.append(facts["cpu"])
                memory.append(facts["resident"])
                peak.append(facts["peak"])
                if len(share) < 1:
                    async with asyncio.TaskGroup() as group:
                        events = group.create_task(changes(sim, SECONDS + 1))
                        share.append((await ask(SECONDS))["share"])
                        events.cancel()
    beyond = [seconds - least for seconds, least in zip(first, bare, strict=True)]
    return [
        Row("10,000 Deployments, 20,000 pods: first tree beyond the bare transfer", beyond, limit=5.0),
        Row("CPU of the console until the first tree", busy),
        Row("the bare transfer of the same lists", bare),
        Row("memory with the first tree", memory, unit="MB", limit=250.0),
        Row("memory at its peak", peak, unit="MB", limit=250.0),
        Row(f"share of a core at {EVENTS_PER_SECOND} events/s", share, unit="", limit=0.10),
    ]


@asynccontextmanager
async def console(config: Path) -> AsyncIterator[tuple[dict[str, Any], Any]]:
    """A console that watches; what it said first, and how to ask it for its share of a core."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), str(config), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    stdin, stdout = child.stdin, child.stdout

    async def ask(seconds: float) -> dict[str, Any]:
        stdin.write(f"{seconds}\n".encode())
        return dict(json.loads(await stdout.readline()))

    try:
        yield dict(json.loads(await stdout.readline())), ask
    finally:
        stdin.close()
        await child.wait()


async def transfer(config: Path) -> float:
    """Seconds to fetch the same lists, page by page, all three at once, without reading what is in them."""
    server, headers = cluster(config)
    began = time.perf_counter()
    async with aiohttp.ClientSession(headers=headers) as session:
        await asyncio.gather(*(_fetch(session, server + path, selected) for path, selected in LISTS))
    return time.perf_counter() - began


async def _fetch(session: aiohttp.ClientSession, url: str, selected: str) -> None:
    mark = b'"continue":"'
    follow = ""
    while True:
        async with session.get(f"{url}?limit=500{selected}{follow}") as answer:
            body = await answer.read()
        begins = body[:500].find(mark)
        if begins < 0:
            return
        token = body[begins + len(mark) : body.index(b'"', begins + len(mark))].decode()
        follow = f"&continue={quote(token)}"


async def changes(sim: Simulated, seconds: float) -> None:
    """Change annotations of Deployments, so many a second."""
    server, headers = cluster(sim.config_path)
    headers = headers | {"Content-Type": "application/merge-patch+json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        began = time.perf_counter()
        for number in range(int(seconds * EVENTS_PER_SECOND)):
            await asyncio.sleep(max(0.0, began + number / EVENTS_PER_SECOND - time.perf_counter()))
            n = number * 37 % DEPLOYMENTS
            url = f"{server}/apis/apps/v1/namespaces/ns-{n % NAMESPACES}/deployments/agent-{n}"
            body = json.dumps({"metadata": {"annotations": {"note": str(number)}}})
            async with session.patch(url, data=body) as answer:
                assert answer.status == 200, await answer.text()
