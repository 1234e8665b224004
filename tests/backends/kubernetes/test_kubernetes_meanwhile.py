"""What somebody else does to objects and their namespace before and while they are halted, through the engine.

On the simulator and, unchanged, on a real API server.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from disposable_cluster import Disposable
from engine_runs import INVOKER
from killswitch_console.halting.engine import Engine
from killswitch_console.halting.plan import Plan
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_console.hostile import clean
from killswitch_inventory.scopes import Scope
from kubernetes_table import agent, comparable
from kubernetes_workloads import NAMESPACE, manifest, path
from simulated import eventually
from webhooks import refusing

AGENTS = [agent(f"refund-{number}", replicas=2, grace=0.4, role=None) for number in range(3)]
OTHER = "payments-ledger"
MERGE = "application/merge-patch+json"


async def planned(engine: Engine, scope: str = "class:refund") -> Plan:
    return await engine.plan(Scope.parse(scope))


async def halted(engine: Engine, plan: Plan) -> HaltRecord:
    return await engine.halt(plan, invoker=INVOKER, reason="drill", timeout=60)


def of(record: HaltRecord, name: str) -> TargetProgress:
    (found,) = [t for t in record.targets if t.target.path.endswith(f"/{name}")]
    return found


async def test_what_a_webhook_refuses_fails_with_its_words_and_the_rest_stops(
    cluster: Disposable, tmp_path: Path
) -> None:
    async with cluster.engine(tmp_path) as engine:
        plan = await planned(engine)
        async with refusing(cluster, "refund-0", tmp_path):
            record = await halted(engine, plan)
        (failed,) = [target for target in record.targets if target.state is TargetState.FAILED]
        assert "frozen" in clean(failed.error)
        assert not {"\x1b", "\x07"} & set(clean(failed.error))
        assert record.verdict is Verdict.INCOMPLETE
        assert [t.state for t in record.targets].count(TargetState.STOPPED) == len(AGENTS) - 1
        again = await engine.resume(record.header.halt_id, timeout=60)
        assert again.verdict is Verdict.STOPPED
        assert not cluster.acting("agent-class=refund")


async def test_a_namespace_that_is_deleted_meanwhile_is_stopped_with_the_reason(
    cluster: Disposable, tmp_path: Path
) -> None:
    async with cluster.engine(tmp_path) as engine:
        plan = await planned(engine)
        cluster.admin.call("DELETE", f"/api/v1/namespaces/{NAMESPACE}")
        record = await halted(engine, plan)
    assert record.verdict is Verdict.STOPPED
    assert all(target.evidence and "no pod" in target.evidence.detail for target in record.targets)
    assert not cluster.acting()


async def test_what_is_deleted_between_plan_and_halt_is_stopped_with_the_reason(
    cluster: Disposable, tmp_path: Path
) -> None:
    async with cluster.engine(tmp_path) as engine:
        plan = await planned(engine)
        cluster.admin.delete("refund-0")
        record = await halted(engine, plan)
    gone = of(record, "refund-0")
    assert gone.state is TargetState.STOPPED
    assert gone.evidence is not None
    assert "the object was deleted" in gone.evidence.detail
    assert record.verdict is Verdict.STOPPED
    assert not cluster.acting("agent=refund-0")


async def test_a_finalizer_that_holds_a_pod_is_no_process(cluster: Disposable, tmp_path: Path) -> None:
    """The object stays, its container has ended: the proof waits for the pod to be over, not for it to be gone."""
    pods = [f"/api/v1/namespaces/{NAMESPACE}/pods/{name}" for name in cluster.acting("agent=refund-0")]
    for pod in pods:
        cluster.admin.call("PATCH", pod, {"metadata": {"finalizers": ["example.com/audit"]}}, content=MERGE)
    try:
        async with cluster.engine(tmp_path) as engine:
            record = await halted(engine, await planned(engine, "agent:refund-0"))
        assert record.verdict is Verdict.STOPPED
        assert len(cluster.admin.pods(selector="agent=refund-0")) == len(pods)
        assert not cluster.acting("agent=refund-0")
    finally:
        for pod in pods:
            cluster.admin.call("PATCH", pod, {"metadata": {"finalizers": None}}, content=MERGE)


async def test_a_deployment_whose_deletion_a_finalizer_holds_is_never_called_stopped(
    cluster: Disposable, tmp_path: Path
) -> None:
    """Its controller does nothing for it any more, so its pods go on at zero, until the finalizer is gone."""
    where = path("Deployment", "refund-0")
    cluster.admin.call("PATCH", where, {"metadata": {"finalizers": ["example.com/audit"]}}, content=MERGE)
    cluster.admin.delete("refund-0")
    async with cluster.engine(tmp_path) as engine:
        try:
            plan = await planned(engine, "agent:refund-0")
            assert any("being deleted" in risk for risk in plan.risks)
            record = await engine.halt(plan, invoker=INVOKER, reason="drill", timeout=4)
            assert record.verdict is Verdict.INCOMPLETE
            assert len(cluster.acting("agent=refund-0")) == AGENTS[0].replicas
        finally:
            cluster.admin.call("PATCH", where, {"metadata": {"finalizers": None}}, content=MERGE)
        again = await engine.resume(record.header.halt_id, timeout=60)
    assert again.verdict is Verdict.STOPPED
    assert not cluster.acting("agent=refund-0")


async def test_names_that_differ_by_namespace_only_are_two_targets(cluster: Disposable, tmp_path: Path) -> None:
    admin, other = cluster.admin, f"/api/v1/namespaces/{OTHER}"
    admin.call("POST", "/api/v1/namespaces", {"metadata": {"name": OTHER}})
    try:
        twin = manifest("Deployment", "refund-0")
        twin["metadata"] |= {"namespace": OTHER, "labels": twin["metadata"]["labels"] | {"agent-tenant": "beta"}}
        admin.call("POST", path("Deployment", namespace=OTHER), twin)
        await eventually(  # its controller has written what it writes
            lambda: admin.deployment("refund-0", namespace=OTHER)["status"].get("readyReplicas") == 2, within=60
        )
        both = replace(cluster, table=cluster.table | {"namespaces": [NAMESPACE, OTHER]})
        before = [comparable(admin.deployment("refund-0", namespace=one)) for one in (NAMESPACE, OTHER)]
        async with both.engine(tmp_path) as engine:
            record = await halted(engine, await planned(engine, "tenant:acme"))
            assert record.verdict is Verdict.STOPPED
            assert admin.deployment("refund-0")["spec"]["replicas"] == 0
            assert comparable(admin.deployment("refund-0", namespace=OTHER)) == before[1]
            second = await halted(engine, await planned(engine, "tenant:beta"))
            assert [t.target.path for t in second.targets] == [f"{OTHER}/Deployment/refund-0"]
            assert second.verdict is Verdict.STOPPED
            for halt in (record, second):
                await engine.restore(halt.header.halt_id, invoker=INVOKER, reason="over", timeout=60)
        assert [comparable(admin.deployment("refund-0", namespace=one)) for one in (NAMESPACE, OTHER)] == before
    finally:
        await asyncio.to_thread(admin.call, "DELETE", other)
        await eventually(lambda: not admin.pods(namespace=OTHER), within=60, every=0.2)
