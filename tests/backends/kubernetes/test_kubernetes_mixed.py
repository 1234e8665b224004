"""A class that runs as everything Kubernetes has, behind an autoscaler and a controller that scales back up every 2 s.

Halted, held and restored by the engine, on the simulator and on a real API server alike: what is revived is reported
and put down again, nothing else comes back, and the specs after the restore are the ones before, field by field.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from disposable_cluster import Disposable
from engine_runs import INVOKER, is_held, of
from killswitch_console.halting.engine import Engine
from killswitch_console.halting.events import EngineEvent, Reasserted, Revived, TargetsMoved
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from kubernetes_table import Admin, agent, comparable
from kubernetes_workloads import manifest, path
from simulated import eventually

AGENTS = [agent("bystander-1", agent_class="other", replicas=1, role=None)]
KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")
AS_BEFORE = (*(kind for kind in KINDS if kind != "Pod"), "HorizontalPodAutoscaler")
FOUGHT = "fought-1"
EVERY = 2.0
MERGE = "application/merge-patch+json"


def named(kind: str) -> str:
    return f"{kind.lower()}-1"


async def made(admin: Admin) -> None:
    """One agent of each kind, an autoscaler of the Deployment, and the one that is fought over."""
    for kind in KINDS:
        admin.call("POST", path(kind), manifest(kind, named(kind)))
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": named("Deployment")}
    spec = {"scaleTargetRef": scaled, "minReplicas": 1, "maxReplicas": 4}
    hpa = {"metadata": {"name": named("HorizontalPodAutoscaler")}, "spec": spec}
    admin.call("POST", path("HorizontalPodAutoscaler"), hpa)
    admin.call("POST", path("Deployment"), manifest("Deployment", FOUGHT))
    running = [named(kind) for kind in KINDS if kind != "CronJob"] + [FOUGHT]
    await eventually(lambda: all(ready(admin, name) for name in running), within=60, every=0.2)


def ready(admin: Admin, name: str) -> bool:
    pods = admin.pods(selector=f"agent={name}")
    return bool(pods) and all(pod["status"].get("phase") == "Running" for pod in pods)


def specs(admin: Admin) -> dict[str, Any]:
    """What a restore must give back."""
    found = {kind: comparable(admin.call("GET", path(kind, named(kind)))) for kind in AS_BEFORE}
    pod = admin.call("GET", path("Pod", named("Pod")))
    found["Pod"] = {"labels": pod["metadata"]["labels"], "spec": pod["spec"] | {"nodeName": ""}}
    return found | {FOUGHT: comparable(admin.deployment(FOUGHT))}


@asynccontextmanager
async def fought(admin: Admin) -> AsyncIterator[None]:
    """A controller that wants two replicas, whatever anybody says."""

    async def insist() -> None:
        while True:
            await asyncio.sleep(EVERY)
            await asyncio.to_thread(admin.scale, FOUGHT, 2, by="stubborn-operator")

    task = asyncio.create_task(insist(), name="a controller that scales back up")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def holding(cluster: Disposable, folder: Path, events: list[EngineEvent]) -> AsyncIterator[Engine]:
    async with cluster.engine(folder, events.append) as engine:
        task = asyncio.create_task(engine.hold(), name="hold")
        try:
            yield engine
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def left(admin: Admin, names: set[str]) -> list[Any]:
    """What is there of their pods."""
    return [pod for name in names for pod in admin.pods(selector=f"agent={name}")]


def revived(events: list[EngineEvent]) -> list[str]:
    return [event.target.path.rpartition("/")[2] for event in of(Revived, events)]


def stopped(events: list[EngineEvent]) -> set[str]:
    """The targets whose latest word is ``stopped``."""
    latest = {target.target: target.state for event in of(TargetsMoved, events) for target in event.targets}
    return {target.path.rpartition("/")[2] for target, state in latest.items() if state is TargetState.STOPPED}


async def test_nothing_revives_or_it_is_reported_and_specs_come_back(cluster: Disposable, tmp_path: Path) -> None:
    admin, events = cluster.admin, list[EngineEvent]()
    await made(admin)
    before = specs(admin)
    async with holding(cluster, tmp_path, events) as engine:
        plan = await engine.plan(Scope.parse("class:refund"))
        assert len(plan.targets) == len(KINDS) + 1
        assert any("HorizontalPodAutoscaler" in risk for risk in plan.risks)
        async with fought(admin):
            record = await engine.halt(plan, invoker=INVOKER, reason="drill", timeout=30)
            await eventually(lambda: is_held(events), within=30)
            begun = len(revived(events))
            await eventually(lambda: len(revived(events)) >= begun + 2, within=60, every=0.2)
        assert set(revived(events)) == {FOUGHT}
        assert {event.target.path.rpartition("/")[2] for event in of(Reasserted, events)} == {FOUGHT}
        everything = {named(kind) for kind in KINDS} | {FOUGHT}
        await eventually(lambda: stopped(events) >= everything and not left(admin, everything), within=60, every=0.2)

        async def told() -> bool:
            held = await engine.record(record.header.halt_id)
            return held.verdict is Verdict.STOPPED and held.revivals >= 2

        await eventually(told, within=20, every=0.2)
        restored = await engine.restore(record.header.halt_id, invoker=INVOKER, reason="over", timeout=60)
        assert restored.verdict is Verdict.RESTORED
    assert specs(admin) == before
    assert ready(admin, "bystander-1")
