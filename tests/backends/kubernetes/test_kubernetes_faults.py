"""A halt of many while the API server misbehaves: the verdict stays true, nothing is lost, and restore is exact."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine_runs import INVOKER
from killswitch_console.assembling import engine_settings
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from kubernetes_table import Admin, agent, comparable, table_of
from simulated import Simulated, eventually, running

FLEET = [agent(f"refund-{n}", replicas=2, grace=0.4, role=None) for n in range(30)]
Disturb = Callable[[Simulated], object]

FAULTS: dict[str, list[dict[str, Any]]] = {
    "429 on a third of the patches": [
        {"operation": "kubernetes.patch", "kind": "throttle", "probability": 0.34, "retry_after": 0.2}
    ],
    "resets before and after changes": [
        {"operation": "kubernetes.patch", "kind": "reset", "probability": 0.2},
        {"operation": "kubernetes.patch", "kind": "reset-after-apply", "probability": 0.2},
    ],
    "watches that die": [{"operation": "kubernetes.watch", "kind": "reset", "probability": 0.7}],
    "an API server that restarts in mid-halt": [
        {"operation": "kubernetes", "kind": "reset", "skip": 45, "count": 40},
        {"operation": "kubernetes", "kind": "error", "status": 503, "skip": 45, "count": 40},
    ],
}


def kubernetes_alone(sim: Simulated) -> Path:
    """The simulator's configuration without its other platforms."""
    tables = sim.config_path.read_text().split("\n[[")
    kept = [tables[0], *("[[" + table for table in tables[1:] if table.startswith("kubernetes"))]
    path = sim.config_path.with_name("kubernetes-alone.toml")
    path.write_text("\n".join(kept))
    return path


async def halt_class(sim: Simulated, disturb: Disturb, *, timeout: float = 60.0) -> HaltRecord:
    """Halt all while something goes wrong, then restore once it is well again; the record of the halt."""
    async with open_engine(engine_settings(load_configuration(kubernetes_alone(sim)))) as engine:
        await engine.discover()
        plan = await engine.plan(Scope.parse("class:refund"))
        disturb(sim)
        record = await engine.halt(plan, invoker=INVOKER, reason="drill", timeout=timeout)
        stopped = {t.target.path.rpartition("/")[2] for t in record.targets if t.state is TargetState.STOPPED}
        truth = sim.truth()
        assert not [name for name in stopped if name in truth and truth[name]["running"]]
        sim.faults.clear()
        restored = await engine.restore(record.header.halt_id, invoker=INVOKER, reason="over")
        assert restored.verdict is Verdict.RESTORED or record.verdict is not Verdict.STOPPED
    return record


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_verdict_is_true_and_nothing_is_lost(fault: str) -> None:
    async with running(specs=FLEET) as sim:
        admin = Admin(sim)
        before = {spec.name: comparable(admin.deployment(spec.name)) for spec in FLEET}
        record = await halt_class(sim, lambda sim: [sim.faults.add(**rule) for rule in FAULTS[fault]])
        assert record.verdict is Verdict.STOPPED
        assert {spec.name: comparable(admin.deployment(spec.name)) for spec in FLEET} == before


async def test_a_pod_deleted_by_force_leaves_the_verdict_incomplete() -> None:
    specs = [agent("refund-0", replicas=2, grace=3.0, role=None), agent("refund-1", role=None)]
    async with running(specs=specs) as sim:
        admin = Admin(sim)
        async with open_engine(engine_settings(load_configuration(kubernetes_alone(sim)))) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("class:refund"))
            halting = asyncio.create_task(engine.halt(plan, invoker=INVOKER, reason="drill", timeout=8))
            await eventually(lambda: admin.deployment("refund-0")["spec"]["replicas"] == 0)
            (pod, *_) = admin.pods(selector="agent=refund-0")
            path = f"/api/v1/namespaces/payments/pods/{pod['metadata']['name']}"
            admin.call("DELETE", path, {"gracePeriodSeconds": 0})
            record = await halting
        states = {t.target.path.rpartition("/")[2]: t.state for t in record.targets}
        assert states == {"refund-0": TargetState.UNKNOWN, "refund-1": TargetState.STOPPED}
        assert record.verdict is Verdict.INCOMPLETE


async def test_of_several_clusters_one_fails_alone() -> None:
    here = [agent("refund-1", role=None), agent("refund-2", role=None)]
    there = [agent("refund-3", role=None)]
    async with running(specs=here) as sim, running(specs=there) as other:
        config = kubernetes_alone(sim)
        kubeconfig = table_of(other)["kubeconfig"]
        config.write_text(f'{config.read_text()}\n[[kubernetes]]\nname = "east"\nkubeconfig = "{kubeconfig}"\n')
        async with open_engine(engine_settings(load_configuration(config))) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("class:refund"))
            assert {t.target.backend.name for t in plan.targets} == {"sim", "east"}
            other.faults.add(operation="kubernetes", kind="error", status=503)
            record = await engine.halt(plan, invoker=INVOKER, reason="drill", timeout=6)
            states = {t.target.path.rpartition("/")[2]: t.state for t in record.targets}
            assert states["refund-1"] is states["refund-2"] is TargetState.STOPPED
            assert states["refund-3"] is not TargetState.STOPPED
            assert record.verdict is Verdict.INCOMPLETE
            assert sum(state["running"] for state in sim.truth().values()) == 0
            other.faults.clear()
            again = await engine.resume(record.header.halt_id, timeout=30)
        assert again.verdict is Verdict.STOPPED
        assert other.truth()["refund-3"]["running"] == 0
