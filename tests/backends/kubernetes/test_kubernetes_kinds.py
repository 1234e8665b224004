"""Every kind of workload: halted, proven by its pods, restored field by field, with nothing of it running meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from disposable_cluster import REAL
from killswitch_backends.problems import Changed, Unsupported
from killswitch_backends.protocol import Backend, Failure, Grade, Sight
from killswitch_inventory.sightings import ListingComplete, TargetSighting
from killswitch_inventory.targets import TargetId
from kubernetes_table import (
    Admin,
    agent,
    capture,
    comparable,
    halted,
    is_stopped,
    observing,
    order,
    reading,
    sighting,
    target,
)
from kubernetes_workloads import DEFINITIONS, definition, manifest, path
from simulated import eventually

AGENTS = [agent("bystander-1", replicas=1)]
BUILT_IN = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob")
CUSTOM = () if REAL else ("Rollout", "Sandbox", "InferenceService")


custom = pytest.mark.skipif(bool(REAL), reason="the controllers of custom kinds are the simulator's own")


def running_pods(admin: Admin, name: str) -> list[dict[str, Any]]:
    """Its pods that run."""
    pods = admin.pods(selector=f"agent={name}")
    return [pod for pod in pods if pod["status"].get("phase") == "Running"]


def acting_pods(admin: Admin, name: str) -> list[dict[str, Any]]:
    """Its pods whose containers have not all ended; an object may outlast them by a moment."""
    pods = admin.pods(selector=f"agent={name}")
    return [pod for pod in pods if pod["status"].get("phase") not in ("Succeeded", "Failed")]


async def made(admin: Admin, kind: str, name: str = "refund-1", **spec: Any) -> dict[str, Any]:
    """Create a workload and wait for it to run; as it is then."""
    if kind in CUSTOM or kind == "Service":
        admin.call("POST", DEFINITIONS, definition(kind))
        await eventually(lambda: served(admin, kind), within=60)
    admin.call("POST", path(kind), manifest(kind, name, **spec))
    if kind == "CronJob":
        start_job(admin, name, "refund-1-now")
    if kind != "Service":
        await eventually(lambda: len(running_pods(admin, name)) >= 1, within=60)
    return dict(admin.call("GET", path(kind, name)))


def served(admin: Admin, kind: str) -> bool:
    found = admin.call("GET", f"{DEFINITIONS}/{definition(kind)['metadata']['name']}")
    return any(c["type"] == "Established" for c in found.get("status", {}).get("conditions", []))


def start_job(admin: Admin, name: str, job: str) -> None:
    """What ``kubectl create job --from=cronjob/NAME`` does."""
    owner = admin.call("GET", path("CronJob", name))
    reference = {"apiVersion": "batch/v1", "kind": "CronJob", "name": name, "uid": owner["metadata"]["uid"]}
    body = manifest("Job", job)
    body["metadata"]["ownerReferences"] = [{**reference, "controller": True}]
    del body["metadata"]["labels"]
    body["spec"]["template"]["metadata"]["labels"]["agent"] = name
    admin.call("POST", path("Job"), body)


@pytest.mark.parametrize("kind", [*BUILT_IN, *CUSTOM])
async def test_each_kind_stops_and_comes_back_as_it_was(admin: Admin, backend: Backend, kind: str) -> None:
    before = await made(admin, kind)
    async with sighting(backend):
        (watch,) = await halted(backend, target("refund-1", kind=kind))
        async with observing(backend, [watch]) as seen:
            proof = await seen.until(is_stopped)
    assert proof.evidence is not None
    assert proof.evidence.grade is Grade.OBSERVED
    assert not acting_pods(admin, "refund-1")
    restored = await backend.restore(watch, order())
    assert restored.evidence.detail
    assert comparable(admin.call("GET", path(kind, "refund-1"))) == comparable(before)
    await eventually(lambda: len(running_pods(admin, "refund-1")) >= 1)


@pytest.mark.parametrize("kind", [*BUILT_IN, *CUSTOM, "Pod"])
async def test_each_kind_is_sighted_once_with_its_pods(admin: Admin, backend: Backend, kind: str) -> None:
    await made(admin, kind)
    wanted = target("refund-1", kind=kind)
    async with reading(backend.sight()) as sights:
        await sights.until(lambda _: whole(sights.seen) and running(sights.seen, wanted))
        seen = {s.target for s in sights.seen if isinstance(s, TargetSighting) and "refund-1" in s.target.path}
    assert seen == {wanted}


def whole(seen: list[Any]) -> bool:
    return any(isinstance(s, ListingComplete) for s in seen)


def running(seen: list[Any], wanted: TargetId) -> bool:
    return any(isinstance(s, TargetSighting) and s.target == wanted and s.concurrency > 0 for s in seen)


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet", "CronJob"])
async def test_halting_twice_and_restoring_twice_changes_nothing(admin: Admin, backend: Backend, kind: str) -> None:
    before = await made(admin, kind)
    (watch,) = await halted(backend, target("refund-1", kind=kind))
    await backend.halt(watch.captured, order())
    await backend.restore(watch, order())
    await backend.restore(watch, order())
    assert comparable(admin.call("GET", path(kind, "refund-1"))) == comparable(before)


async def test_a_cron_jobs_running_jobs_are_suspended_with_it_and_resumed(admin: Admin, backend: Backend) -> None:
    await made(admin, "CronJob")
    before = comparable(admin.call("GET", path("Job", "refund-1-now")))
    (watch,) = await halted(backend, target("refund-1", kind="CronJob"))
    assert admin.call("GET", path("Job", "refund-1-now"))["spec"]["suspend"] is True
    await backend.restore(watch, order())
    assert comparable(admin.call("GET", path("Job", "refund-1-now"))) == before


async def test_a_job_that_a_cron_job_starts_late_is_a_revival_and_put_down(admin: Admin, backend: Backend) -> None:
    await made(admin, "CronJob")
    (watch,) = await halted(backend, target("refund-1", kind="CronJob"))
    async with observing(backend, [watch]) as seen:
        await seen.until(is_stopped)
        start_job(admin, "refund-1", "refund-1-late")
        await seen.until(lambda item: item.sight is Sight.ACTING)
        await backend.halt(watch.captured, order())
        await seen.until(is_stopped)
    await backend.restore(watch, order())
    assert admin.call("GET", path("Job", "refund-1-late"))["spec"]["suspend"] is False


async def test_a_stateful_sets_pods_end_together(admin: Admin, backend: Backend) -> None:
    await made(admin, "StatefulSet", replicas=3)
    await eventually(lambda: len(running_pods(admin, "refund-1")) == 3)
    await halted(backend, target("refund-1", kind="StatefulSet"))
    assert all("deletionTimestamp" in pod["metadata"] for pod in admin.pods(selector="agent=refund-1"))


@custom
async def test_what_has_no_stop_is_unsupported_and_never_stopped(admin: Admin, backend: Backend) -> None:
    await made(admin, "Service")
    knative = target("refund-1", kind="Service")
    (before,) = await backend.preflight([knative])
    assert before.unsupported is not None
    assert "max-scale 0 means unlimited" in before.unsupported
    (failure,) = [item async for item in backend.capture([knative], fresh=True)]
    assert isinstance(failure, Failure)
    assert isinstance(failure.problem, Unsupported)


async def test_a_daemon_set_changed_since_the_capture_is_left_alone(admin: Admin, backend: Backend) -> None:
    await made(admin, "DaemonSet")
    (captured,) = await capture(backend, target("refund-1", kind="DaemonSet"))
    body = {"spec": {"template": {"spec": {"nodeSelector": {"zone": "a"}}}}}
    admin.call("PATCH", path("DaemonSet", "refund-1"), body, content="application/merge-patch+json")
    with pytest.raises(Changed):
        await backend.halt(captured, order())
