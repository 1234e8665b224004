"""What would bring a workload back is named, held with it, shared between targets, and let go as it was.

The simulated cluster has controllers that really revive: an HPA that scales from zero, KEDA's loop, Argo CD's self-heal
and Flux, kagent's operator, and a stubborn operator that nothing holds.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from disposable_cluster import REAL
from killswitch_backends.problems import Conflict
from killswitch_backends.protocol import Backend, Sight
from kubernetes_table import (
    Admin,
    agent,
    capture,
    comparable,
    halted,
    is_stopped,
    observing,
    opened,
    order,
    sighting,
    target,
)
from kubernetes_workloads import API, DEFINITIONS, definition, manifest, path
from simulated import Simulated, eventually, running

ONE, TWO = target("refund-1"), target("refund-2")
GIT = json.dumps({f"payments/Deployment/refund-{n}": {"replicas": 2} for n in (1, 2)})
LONGER_THAN_ANY = {
    "ScaledObject": 2.0,
    "HorizontalPodAutoscaler": 2.5,
    "Agent": 3.0,
    "Kustomization": 2.5,
    "HelmRelease": 2.5,
}
REVIVERS = ("HorizontalPodAutoscaler", "ScaledObject", "Application", "Kustomization", "HelmRelease", "Agent")


pytestmark = pytest.mark.skipif(bool(REAL), reason="the controllers that revive here are the simulator's own")
AGENTS = [agent("refund-1"), agent("refund-2")]


def _reviver(kind: str) -> dict[str, Any]:
    """A reviver of refund-1 (the tools: of both) that acts as soon as it is at zero."""
    meta: dict[str, Any] = {"name": "refund-1", "namespace": "argocd" if kind == "Application" else "payments"}
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "refund-1"}
    match kind:
        case "HorizontalPodAutoscaler":
            meta["annotations"] = {"simulator/wanted-replicas": "2"}
            spec: dict[str, Any] = {"scaleTargetRef": scaled, "minReplicas": 0, "maxReplicas": 5}
        case "ScaledObject":
            meta["annotations"] = {"simulator/active": "true"}
            spec = {"scaleTargetRef": {"name": "refund-1"}, "pollingInterval": 1, "minReplicaCount": 2}
        case "Application":
            meta["annotations"] = {"simulator/desired": GIT}
            spec = {"syncPolicy": {"automated": {"selfHeal": True, "prune": True}}}
        case "Kustomization":
            meta["annotations"] = {"simulator/desired": GIT}
            spec = {"interval": "1s"}
        case "HelmRelease":
            meta["annotations"] = {"simulator/desired": GIT}
            spec = {"interval": "1s", "driftDetection": {"mode": "enabled"}}
        case _:
            spec = {"declarative": {"deployment": {"replicas": 2}}}
    return {"apiVersion": API[kind], "kind": kind, "metadata": meta, "spec": spec}


async def with_reviver(admin: Admin, kind: str) -> dict[str, Any]:
    """Put a reviver behind refund-1; as it is then."""
    if kind != "HorizontalPodAutoscaler":
        admin.call("POST", DEFINITIONS, definition(kind))
        name = definition(kind)["metadata"]["name"]
        await eventually(lambda: admin.call("GET", f"{DEFINITIONS}/{name}").get("status"))
    body = _reviver(kind)
    namespace = body["metadata"]["namespace"]
    if namespace != "payments":
        admin.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    made = admin.call("POST", path(kind, namespace=namespace), body)
    tracking: dict[str, Any] = {}
    match kind:
        case "Application":
            tracking = {"annotations": {"argocd.argoproj.io/tracking-id": "refund-1:apps/Deployment:payments/refund-1"}}
        case "Kustomization" | "HelmRelease":
            prefix = API[kind].partition("/")[0]
            tracking = {"labels": {f"{prefix}/name": "refund-1", f"{prefix}/namespace": "payments"}}
        case "Agent":
            uid = made["metadata"]["uid"]
            owner = {"apiVersion": API[kind], "kind": kind, "name": "refund-1", "uid": uid, "controller": True}
            tracking = {"ownerReferences": [owner]}
    if tracking:
        for name in ("refund-1", "refund-2") if kind != "Agent" else ("refund-1",):
            admin.patch(name, {"metadata": tracking})
    return comparable(found(admin, kind))


def found(admin: Admin, kind: str) -> dict[str, Any]:
    return dict(admin.call("GET", path(kind, "refund-1", namespace=_reviver(kind)["metadata"]["namespace"])))


async def test_what_keda_sets_to_zero_once_more_before_it_is_let_go_is_put_back_again(
    sim: Simulated, admin: Admin, backend: Backend
) -> None:
    await with_reviver(admin, "ScaledObject")
    body = {"spec": {"pollingInterval": 0.05}}
    admin.call("PATCH", path("ScaledObject", "refund-1"), body, content="application/merge-patch+json")
    deployment = comparable(admin.deployment("refund-1"))
    (watch,) = await halted(backend, ONE)
    sim.faults.add(operation="kubernetes.patch.scaledobjects", kind="latency", seconds=0.5)
    restored = await backend.restore(watch, order())
    assert comparable(admin.deployment("refund-1")) == deployment
    assert "read back" in restored.evidence.detail


@pytest.mark.parametrize("kind", REVIVERS)
async def test_a_reviver_is_named_held_and_let_go_as_it_was(admin: Admin, backend: Backend, kind: str) -> None:
    before, deployment = await with_reviver(admin, kind), comparable(admin.deployment("refund-1"))
    (plan,) = await backend.preflight([ONE])
    assert f"hold {kind} refund-1" in plan.action
    assert plan.risks
    (watch,) = await halted(backend, ONE)
    async with observing(backend, [watch]) as seen:
        await seen.until(is_stopped)
        await asyncio.sleep(LONGER_THAN_ANY.get(kind, 2.5))  # real time is the subject: it would have acted by now
    assert admin.deployment("refund-1")["spec"]["replicas"] == 0
    assert comparable(found(admin, kind)) != before
    await backend.restore(watch, order())
    assert comparable(found(admin, kind)) == before
    assert comparable(admin.deployment("refund-1")) == deployment


@pytest.mark.parametrize("kind", REVIVERS)
async def test_each_of_them_does_revive_what_is_only_scaled_to_zero(admin: Admin, kind: str) -> None:
    """Or to hold it would prove nothing."""
    await with_reviver(admin, kind)
    admin.scale("refund-1", 0)
    assert admin.deployment("refund-1")["spec"]["replicas"] in (0, 2)
    await eventually(lambda: admin.deployment("refund-1")["spec"]["replicas"] > 0, within=8)
    assert admin.deployment("refund-1")["spec"]["replicas"] == 2


async def test_a_scaled_job_starts_no_more_jobs_and_begins_again(admin: Admin, backend: Backend) -> None:
    admin.call("POST", DEFINITIONS, definition("ScaledJob"))
    name = definition("ScaledJob")["metadata"]["name"]
    await eventually(lambda: admin.call("GET", f"{DEFINITIONS}/{name}").get("status"))
    body = manifest("ScaledJob", "queue-1", pollingInterval=1)
    body["metadata"]["annotations"] = {"simulator/active": "true"}
    admin.call("POST", path("ScaledJob"), body)
    await eventually(lambda: bool(admin.pods(selector="agent=queue-1")))
    before = comparable(admin.call("GET", path("ScaledJob", "queue-1")))
    async with sighting(backend):
        (watch,) = await halted(backend, target("queue-1", kind="ScaledJob"))
        async with observing(backend, [watch]) as seen:
            await seen.until(is_stopped)
            jobs = len(admin.call("GET", path("Job"))["items"])
            await asyncio.sleep(2.5)  # real time is the subject: it would have started two by now
    assert len(admin.call("GET", path("Job"))["items"]) == jobs
    assert not admin.pods(selector="agent=queue-1")
    await backend.restore(watch, order())
    assert comparable(admin.call("GET", path("ScaledJob", "queue-1"))) == before
    await eventually(lambda: len(admin.call("GET", path("Job"))["items"]) > jobs)


async def test_left_alone_on_request_a_reviver_revives_and_is_told(sim: Simulated, admin: Admin) -> None:
    before = await with_reviver(admin, "ScaledObject")
    async with opened(sim, revivers="report") as backend:
        (plan,) = await backend.preflight([ONE])
        assert any("left alone" in risk for risk in plan.risks)
        (watch,) = await halted(backend, ONE)
        async with observing(backend, [watch]) as seen:
            assert (await seen.until(lambda item: item.sight is Sight.ACTING)).note
    assert comparable(found(admin, "ScaledObject")) == before


async def test_a_reviver_behind_two_targets_is_let_go_by_the_last(admin: Admin, backend: Backend) -> None:
    before = await with_reviver(admin, "Kustomization")
    one, two = await halted(backend, ONE, TWO)
    await backend.restore(one, order())
    assert found(admin, "Kustomization")["spec"]["suspend"] is True
    await backend.restore(two, order())
    assert comparable(found(admin, "Kustomization")) == before


async def test_another_bastion_lets_go_what_this_one_held(sim: Simulated, admin: Admin, backend: Backend) -> None:
    before = await with_reviver(admin, "ScaledObject")
    await halted(backend, ONE)
    async with opened(sim) as other:
        (captured,) = await capture(other, ONE)
        (again,) = await halted(other, ONE)
        assert captured.marked_by == "H1"
        await other.restore(again, order())
    assert comparable(found(admin, "ScaledObject")) == before
    assert admin.deployment("refund-1")["spec"]["replicas"] == 2


async def test_a_reviver_that_may_not_be_touched_is_told_and_the_target_halted_all_the_same(
    sim: Simulated, admin: Admin, backend: Backend
) -> None:
    await with_reviver(admin, "ScaledObject")
    sim.faults.add(operation="kubernetes.patch.scaledobjects", kind="error", status=403)
    (watch,) = await halted(backend, ONE)
    assert "ScaledObject refund-1 is not held" in watch.accepted.detail
    assert admin.deployment("refund-1")["spec"]["replicas"] == 0


async def test_a_reviver_that_somebody_let_go_meanwhile_is_a_conflict(admin: Admin, backend: Backend) -> None:
    await with_reviver(admin, "Kustomization")
    (watch,) = await halted(backend, ONE)
    resume = {"spec": {"suspend": False}}
    admin.call("PATCH", path("Kustomization", "refund-1"), resume, content="application/merge-patch+json")
    with pytest.raises(Conflict) as raised:
        await backend.restore(watch, order())
    assert [change.field for change in raised.value.changes][:1] == ["Kustomization refund-1/spec/suspend"]


async def test_a_stubborn_operator_is_seen_each_time_and_put_down(admin: Admin, backend: Backend) -> None:
    admin.patch("refund-1", {"metadata": {"annotations": {"simulator/keep-replicas": "2"}}})
    async with sighting(backend):
        (watch,) = await halted(backend, ONE)
    async with observing(backend, [watch]) as seen:
        for _ in range(2):
            await seen.until(lambda item: item.sight is Sight.ACTING)
            await backend.halt(watch.captured, order())
            await seen.until(is_stopped)
    told = [item.sight for item in seen.seen if item.sight in (Sight.ACTING, Sight.STOPPED)]
    assert [one for one, before in zip(told, [None, *told], strict=False) if one is not before][-4:] == [
        Sight.ACTING, Sight.STOPPED, Sight.ACTING, Sight.STOPPED,
    ]  # fmt: skip


async def test_a_list_that_hangs_ends_with_the_table_whoever_asked_for_it() -> None:
    async with running(specs=AGENTS) as sim:
        sim.faults.add(operation="kubernetes.list", kind="hang")
        async with opened(sim) as backend:
            asking = asyncio.create_task(backend.preflight([ONE]))  # type: ignore[arg-type]
            await eventually(lambda: bool(lists_under_way()))
            asking.cancel()
            await asyncio.wait([asking])
            assert lists_under_way(), "somebody else may have asked for the same list"
        assert not lists_under_way()


def lists_under_way() -> list[str]:
    return [name for task in asyncio.all_tasks() if (name := task.get_name()).startswith("list horizontalpodautoscal")]
