"""1,000 Deployments: our halt until the last is accepted, beside a bare aiohttp loop sending the same patches."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from benchmarks.cold_start import kubernetes_only
from benchmarks.measuring import Row, as_a_console
from killswitch_backends.kubernetes.changes import Operation, halt_patch, mark_for, undo_patch
from killswitch_backends.kubernetes.kinds.deployment import Deployment
from killswitch_backends.kubernetes.resources import ObjectKey
from killswitch_backends.simulator.seams import Runtime
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.record import HaltRecord, order_of
from killswitch_inventory.scopes import Scope
from simulated import Simulated, eventually, process

AGENTS = 1429
"""A fleet of which 1,000 are Deployments."""
ROUNDS = 9
AT_ONCE = 32
GRACE = 1.0
"""Seconds of grace that every simulated pod has at the least; the last to go have three."""


DEPLOYMENT = Deployment()
Patch = tuple[str, list[Operation]]


async def measure() -> list[Row]:
    async with process(agents=AGENTS, seed=1) as sim:
        config = kubernetes_only(sim)
        count = sum(spec.runtime is Runtime.KUBERNETES for spec in sim.specs)
        with as_a_console() as publish:
            async with open_engine(engine_settings(load_configuration(config)), publish) as engine:
                await engine.discover()
                ours, bare, proven, gone = [], [], [], []
                for _ in range(ROUNDS):
                    await at_rest(sim)
                    halt, ended = await our_halt(engine, sim)
                    accepted, proof = since_confirmation(halt)
                    ours.append(accepted)
                    proven.append(proof - accepted)
                    gone.append(ended - accepted)
                    await at_rest(sim)
                    bare.append(await bare_halt(sim.config_path, halt))
    return [
        Row(f"{count} Deployments: confirmation to last accepted", ours, limit=1.3, baseline=bare, peer="bare aiohttp"),
        Row(
            f"{count} Deployments: last accepted to last proven",
            proven,
            limit=1.1,
            baseline=gone,
            peer="pods gone by the truth",
        ),
    ]


async def at_rest(sim: Simulated) -> None:
    """Wait until every Deployment runs all its pods: a simulator still starting some answers slower."""
    wanted = {spec.name: spec.replicas for spec in sim.specs if spec.runtime is Runtime.KUBERNETES}

    def rests() -> bool:
        truth = sim.truth()
        return all(truth[name]["running"] == replicas for name, replicas in wanted.items())

    await eventually(lambda: asyncio.to_thread(rests), within=60, every=0.5)
    await asyncio.sleep(1)


async def our_halt(engine: Engine, sim: Simulated) -> tuple[HaltRecord, float]:
    """Halt all, restore all; the halt, and the seconds until nothing ran any more."""
    plan = await engine.plan(Scope.parse("global"))
    began = time.perf_counter()
    ending = asyncio.create_task(nothing_runs(sim))
    record = await engine.halt(plan, invoker=current_invoker(), reason="bench")
    ended = await ending - began
    await engine.restore(record.header.halt_id, invoker=current_invoker(), reason="bench")
    return record, ended


async def nothing_runs(sim: Simulated) -> float:
    """When (by the clock of ``perf_counter``) no Deployment's agent ran any more, by the simulator's truth."""
    names = [spec.name for spec in sim.specs if spec.runtime is Runtime.KUBERNETES]
    await asyncio.sleep(GRACE)  # no pod is gone before; asking would take the simulator's time from our requests alone
    while True:
        truth = await asyncio.to_thread(sim.truth)
        if not any(truth[name]["running"] for name in names):
            return time.perf_counter()
        await asyncio.sleep(0.1)


def since_confirmation(record: HaltRecord) -> tuple[float, float]:
    began = record.header.invoked_at
    accepted = [(t.accepted.at - began).total_seconds() for t in record.targets if t.accepted]
    proven = [(t.stopped_at - began).total_seconds() for t in record.targets if t.stopped_at]
    left = [f"{t.target}: {t.state} {t.error or t.note}" for t in record.targets if not (t.accepted and t.stopped_at)]
    assert not left, f"{len(left)} of {len(record.targets)}: {left[:3]}"
    return max(accepted), max(proven)


async def bare_halt(config: Path, halt: HaltRecord) -> float:
    """What anybody's loop would do with the same patches: send each, 32 at once; then put them back, untimed."""
    server, headers = cluster(config)
    order, halts, undo = order_of(halt.header), list[Patch](), list[Patch]()
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
        async with session.get(f"{server}/apis/apps/v1/deployments") as answer:
            items: list[dict[str, Any]] = (await answer.json())["items"]
        annotations = {item["metadata"]["name"]: item["metadata"].get("annotations", {}) for item in items}
        for target in halt.targets:
            key, captured = ObjectKey.of(target.target), target.captured
            assert captured is not None
            url = server + DEPLOYMENT.resource.path(key.namespace, key.name)
            halts.append((url, halt_patch(DEPLOYMENT, captured.prior, order)))
            left = annotations[key.name] | mark_for(order, captured.prior)
            undo.append((url, undo_patch(DEPLOYMENT, captured.prior, order.halt_id, annotations=left)))
        began = time.perf_counter()
        await send(session, halts)
        took = time.perf_counter() - began
        await send(session, undo)
    return took


async def send(session: aiohttp.ClientSession, patches: list[Patch]) -> None:
    queue = iter(patches)

    async def worker() -> None:
        for url, body in queue:
            headers = {"Content-Type": "application/json-patch+json"}
            async with session.patch(url, data=json.dumps(body), headers=headers) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())


def cluster(config: Path) -> tuple[str, dict[str, str]]:
    """Server and headers of the simulated cluster."""
    kubeconfig = config.parent / f"{config.stem}-simulator" / "kubeconfig"
    content = yaml.safe_load(kubeconfig.read_text())
    token = content["users"][0]["user"]["token"]
    return content["clusters"][0]["cluster"]["server"], {"Authorization": f"Bearer {token}"}
