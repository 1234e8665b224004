"""What is learnt late, or in another order, counts as if it had been known at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from killswitch_backends.kubernetes.kinds.batch import Job
from killswitch_backends.kubernetes.kinds.deployment import Deployment
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.kinds.pod import BarePod
from killswitch_backends.kubernetes.kinds.scalable import scalable
from killswitch_backends.kubernetes.mirror import mirror
from killswitch_backends.kubernetes.mirror.stores import Pods, Workloads
from killswitch_backends.kubernetes.mirror.vanished import Vanishings
from killswitch_backends.kubernetes.records import Selector
from killswitch_backends.kubernetes.resources import ObjectKey, Resource
from killswitch_backends.protocol import LabelKeys, Sight
from killswitch_inventory.sightings import TargetGone
from kubernetes_table import (
    Admin,
    agent,
    halted,
    is_stopped,
    observing,
    opened,
    order,
    sighting,
    sights_of,
    target,
)
from kubernetes_workloads import DEFINITIONS, definition, manifest, path
from simulated import Simulated, eventually, running

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MERGE = "application/merge-patch+json"


async def defined(admin: Admin, kind: str) -> None:
    """Have a kind served."""
    body = definition(kind)
    admin.call("POST", DEFINITIONS, body)
    await eventually(lambda: admin.call("GET", f"{DEFINITIONS}/{body['metadata']['name']}").get("status"))


@pytest.fixture
async def sim() -> AsyncIterator[Simulated]:
    async with running(specs=[agent("bystander-1", replicas=1)]) as sim:
        yield sim


async def test_a_halt_is_watched_and_restored_by_a_console_that_has_not_asked_what_is_served(sim: Simulated) -> None:
    admin = Admin(sim)
    await defined(admin, "Rollout")
    admin.call("POST", path("Rollout"), manifest("Rollout", "early-1"))
    await eventually(lambda: len(admin.pods(selector="agent=early-1")) == 2)
    async with opened(sim) as backend:
        (watch,) = await halted(backend, target("early-1", kind="Rollout"))
    async with opened(sim) as afresh, observing(afresh, [watch]) as seen:
        await seen.until(is_stopped)
        admin.call(
            "PATCH", f"{path('Rollout')}/early-1", {"spec": {"replicas": 1}}, content="application/merge-patch+json"
        )
        await seen.until(lambda item: item.sight is Sight.ACTING)
        await afresh.halt(watch.captured, order())
    async with opened(sim) as afresh:
        await afresh.restore(watch, order())
    assert admin.call("GET", f"{path('Rollout')}/early-1")["spec"]["replicas"] == 2


async def test_a_job_whose_maker_has_another_template_by_now_still_counts(sim: Simulated) -> None:
    """A CronJob's template may change while an earlier Job of it runs: its labels are no way to that Job's pods."""
    admin = Admin(sim)
    cron = admin.call("POST", path("CronJob"), manifest("CronJob", "nightly-1"))
    job = manifest("Job", "nightly-1-early")
    job["metadata"]["labels"] = {}
    job["spec"]["template"]["metadata"]["labels"] = {"aa": "earlier"}
    job["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 30
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly-1", "uid": cron["metadata"]["uid"]}
    job["metadata"]["ownerReferences"] = [owner | {"controller": True}]
    admin.call("POST", path("Job"), job)
    await eventually(lambda: [p["status"].get("phase") for p in admin.pods(selector="aa=earlier")] == ["Running"] * 2)
    async with opened(sim) as backend, sighting(backend):
        (watch,) = await halted(backend, target("nightly-1", kind="CronJob"))
        async with observing(backend, [watch]) as seen:
            told = await seen.until(lambda item: item.sight in (Sight.STOPPED, Sight.DRAINING) and item.running != 0)
    assert told.running == 2


async def test_a_job_is_a_target_of_its_own_only_as_long_as_no_maker_of_it_is_known(sim: Simulated) -> None:
    admin = Admin(sim)
    body = manifest("CronJob", "nightly-1")
    body["metadata"]["labels"] = {}
    cron = admin.call("POST", path("CronJob"), body)
    job = manifest("Job", "nightly-1-early")
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly-1", "uid": cron["metadata"]["uid"]}
    job["metadata"]["ownerReferences"] = [owner | {"controller": True}]
    admin.call("POST", path("Job"), job)
    async with opened(sim) as backend, sighting(backend) as sights:
        assert any(sights_of(item, "nightly-1-early") for item in sights.seen)
        labels = manifest("CronJob", "nightly-1")["metadata"]["labels"]
        admin.call("PATCH", path("CronJob", "nightly-1"), {"metadata": {"labels": labels}}, content=MERGE)
        gone = target("nightly-1-early", kind="Job")
        await sights.until(lambda item: isinstance(item, TargetGone) and item.target == gone)
        admin.call("PATCH", path("CronJob", "nightly-1"), {"metadata": {"labels": {"agent": None}}}, content=MERGE)
        await sights.until(lambda item: sights_of(item, "nightly-1-early"))


def stores(kinds: dict[str, Kind]) -> tuple[Pods, Workloads, Vanishings]:
    vanishings = Vanishings(lambda: NOW)
    bare = Workloads(BarePod(), LabelKeys(), lambda _: None)
    return Pods(kinds, lambda _: None, bare, vanishings=vanishings, now=lambda: NOW), bare, vanishings


def a_pod(owner: dict[str, Any] | None) -> dict[str, Any]:
    meta = {"namespace": "payments", "name": "one", "uid": "u1", "labels": {"agent": "refund-1"}}
    references = {"ownerReferences": [owner | {"controller": True}]} if owner else {}
    return {"metadata": meta | references, "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}}


def test_a_pod_that_vanished_before_its_kind_was_known_is_given_to_it() -> None:
    kinds: dict[str, Kind] = {"Deployment": Deployment()}
    pods, _, vanishings = stores(kinds)
    pods.put(a_pod({"kind": "Swarm", "name": "odd-1"}))
    pods.keep_only(None, set())
    key = ObjectKey("payments", "Swarm", "odd-1")
    assert not vanishings.of(key, Selector(), NOW)
    kinds["Swarm"] = scalable("Swarm", Resource("/apis/swarms.example.com/v1", "swarms"))
    pods.adopt()
    assert [one.pod.uid for one in vanishings.of(key, Selector(), NOW)] == ["u1"]


def test_a_pod_that_something_takes_over_is_no_workload_of_its_own_any_more() -> None:
    pods, bare, _ = stores({"Deployment": Deployment()})
    pods.put(a_pod(None))
    assert list(bare.records) == [("payments", "one")]
    pods.put(a_pod({"kind": "ReplicaSet", "name": "r"}))
    assert not bare.records


def test_a_job_that_was_let_go_by_its_maker_is_not_counted_for_it() -> None:
    store = Workloads(Job(), LabelKeys(), lambda _: None)
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly-1", "controller": True}
    meta = {"namespace": "payments", "name": "nightly-1-early"}
    store.put({"metadata": meta | {"ownerReferences": [owner]}})
    maker = ObjectKey("payments", "CronJob", "nightly-1")
    assert store.children(maker) == {ObjectKey("payments", "Job", "nightly-1-early")}
    store.put({"metadata": meta})
    assert not store.children(maker)


async def test_a_definition_that_gave_no_answer_is_read_again(sim: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a kind served in another version is listed in that one."""
    monkeypatch.setattr(mirror, "_LEARN_SECONDS", 0.2)
    admin = Admin(sim)
    body = definition("Rollout")
    body["spec"]["versions"][0]["subresources"]["scale"]["specReplicasPath"] = ".spec.size"
    admin.call("POST", DEFINITIONS, body)
    await eventually(lambda: admin.call("GET", f"{DEFINITIONS}/{body['metadata']['name']}").get("status"))
    fault = "kubernetes.get.customresourcedefinitions"
    sim.faults.add(operation=fault, kind="error", status=500)
    admin.call("POST", path("Rollout"), manifest("Rollout", "early-1", size=1))
    async with opened(sim) as backend, sighting(backend) as sights:
        (plan,) = await backend.preflight([target("early-1", kind="Rollout")])
        assert plan.action == "scale 2 -> 0"
        sim.faults.clear()
        admin.call("PATCH", path("Rollout", "early-1"), {"spec": {"size": 5}}, content=MERGE)
        await sights.until(lambda item: sights_of(item, "early-1") and item.facts["replicas"] == "5")
        (plan,) = await backend.preflight([target("early-1", kind="Rollout")])
        assert plan.action == "scale 5 -> 0"
