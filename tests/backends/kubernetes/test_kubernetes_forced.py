"""Pods that vanish from the API while their containers run on (by force, relabelled, unwatched): never 'stopped'."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from disposable_cluster import Disposable
from killswitch_backends.kubernetes.containers import has_ended, is_over
from killswitch_backends.protocol import Backend, Grade, Sight, Watch
from kubernetes_table import Admin, agent, capture, halted, is_stopped, observing, opened, order, sighting, target
from simulated import Simulated

ONE = target("refund-1")
GRACE = 3


AGENTS = [agent("refund-1", replicas=2, grace=GRACE)]


@pytest.fixture
async def backend(cluster: Disposable) -> AsyncIterator[Backend]:
    async with cluster.opened() as table, sighting(table):
        yield table


def forget(admin: Admin) -> str:
    """Delete one of its pods by force; its name."""
    name = str(admin.pods(selector="agent=refund-1")[0]["metadata"]["name"])
    admin.call("DELETE", f"/api/v1/namespaces/payments/pods/{name}", {"gracePeriodSeconds": 0})
    return name


async def test_a_pod_deleted_by_force_is_unknown_on_a_ready_node(
    sim: Simulated, backend: Backend, admin: Admin
) -> None:
    watches = await halted(backend, ONE)
    async with observing(backend, watches) as seen:
        await seen.until(lambda item: item.sight is Sight.DRAINING)
        name = forget(admin)
        doubt = await seen.until(lambda item: item.sight is Sight.UNKNOWN)
        assert name in doubt.note
        assert "deleted by force" in doubt.note
        with pytest.raises(TimeoutError):
            await seen.until(is_stopped, within=3.0)


async def test_one_deleted_by_force_before_anybody_looked_is_unknown_too(
    sim: Simulated, backend: Backend, admin: Admin
) -> None:
    await sim.all_acting("refund-1")
    watches = await halted(backend, ONE)
    for _ in admin.pods(selector="agent=refund-1"):
        forget(admin)
    assert sim.truth()["refund-1"]["running"] == 2
    async with observing(backend, watches) as seen:
        doubt = await seen.until(lambda item: item.sight is Sight.UNKNOWN)
        assert "1 more" in doubt.note
        assert not any(map(is_stopped, seen.seen))


async def test_a_single_pod_deleted_by_force_is_unknown(backend: Backend, admin: Admin) -> None:
    (name, _) = [pod["metadata"]["name"] for pod in admin.pods(selector="agent=refund-1")]
    watches = await halted(backend, target(name, kind="Pod"))
    admin.call("DELETE", f"/api/v1/namespaces/payments/pods/{name}", {"gracePeriodSeconds": 0})
    async with observing(backend, watches) as seen:
        doubt = await seen.until(lambda item: item.sight is Sight.UNKNOWN)
    assert "deleted by force" in doubt.note


async def test_what_nobody_watched_is_only_bounded(sim: Simulated, admin: Admin) -> None:
    await sim.all_acting("refund-1")
    sim.faults.add(operation="kubernetes.watch", kind="error", status=500)
    async with opened(sim) as backend:
        watches = await halted(backend, ONE)
        for _ in admin.pods(selector="agent=refund-1"):
            forget(admin)
        async with observing(backend, watches) as seen:
            proof = await seen.until(is_stopped)
    assert proof.evidence is not None
    assert proof.evidence.grade is Grade.BOUNDED
    assert "unwatched" in proof.evidence.detail
    last = sim.last_action("refund-1")
    assert last is not None
    assert last <= proof.evidence.at


async def test_a_pod_taken_out_of_its_controller_is_found(backend: Backend, admin: Admin) -> None:
    (name, _) = [pod["metadata"]["name"] for pod in admin.pods(selector="agent=refund-1")]
    path = f"/api/v1/namespaces/payments/pods/{name}"
    meta = {"labels": dict.fromkeys(admin.call("GET", path)["metadata"]["labels"]), "ownerReferences": None}
    (captured,) = await capture(backend, ONE)
    admin.call("PATCH", path, {"metadata": meta}, content="application/merge-patch+json")
    watch = Watch(captured, await backend.halt(captured, order()))
    async with observing(backend, [watch]) as seen:
        stray = await seen.until(lambda item: "labels were changed" in item.note)
        assert name in stray.note
        with pytest.raises(TimeoutError):
            await seen.until(is_stopped, within=GRACE + 3.0)
    async with observing(backend, [watch]) as seen:
        await seen.until(lambda item: "labels were changed" in item.note)
        admin.call("DELETE", path)
        await seen.until(is_stopped)


RUNNING: dict[str, Any] = {"name": "a", "state": {"running": {}}}
ENDED: dict[str, Any] = {"name": "a", "state": {"terminated": {"exitCode": 137}}}
WAITING: dict[str, Any] = {"name": "a", "state": {"waiting": {"reason": "ContainerCreating"}}}
SPEC = {"nodeName": "n1", "containers": [{"name": "a"}]}


@pytest.mark.parametrize(
    ("spec", "status", "over", "ended"),
    [
        (SPEC, {"phase": "Running", "containerStatuses": [RUNNING]}, False, False),
        (SPEC, {"phase": "Running", "containerStatuses": [ENDED]}, False, True),
        (SPEC, {"phase": "Running", "containerStatuses": [ENDED], "initContainerStatuses": [RUNNING]}, False, False),
        (SPEC, {"phase": "Failed", "containerStatuses": [ENDED]}, True, True),
        (SPEC, {"phase": "Failed", "containerStatuses": [RUNNING]}, False, False),  # the pod garbage collector's word
        (SPEC, {"phase": "Failed"}, True, True),  # refused or evicted by its kubelet
        (SPEC, {"phase": "Pending", "containerStatuses": [WAITING]}, False, False),
        (SPEC, {"phase": "Pending"}, False, False),
        ({"containers": SPEC["containers"]}, {"phase": "Pending"}, False, True),  # it never had a node
        (SPEC, {}, False, False),
    ],
)
def test_only_its_nodes_word_ends_a_pod(spec: dict[str, Any], status: dict[str, Any], over: bool, ended: bool) -> None:
    assert is_over(status) is over
    assert has_ended(spec, status) is ended
