"""Proof on the simulated cluster: never 'stopped' while something acts, and revivals seen at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from disposable_cluster import Disposable
from killswitch_backends.protocol import Backend, Grade, Observation, Sight, Watch
from kubernetes_table import (
    Admin,
    Reading,
    accepted_anyhow,
    agent,
    capture,
    halted,
    is_stopped,
    observing,
    opened,
    reading,
    sighting,
    target,
)
from simulated import Simulated, eventually, running

ONE, TWO = target("refund-1"), target("refund-2")


AGENTS = [agent("refund-1", replicas=3), agent("refund-2", replicas=1)]


@pytest.fixture
async def backend(cluster: Disposable) -> AsyncIterator[Backend]:
    async with cluster.opened() as table, sighting(table):
        yield table


async def _stopped(seen: Reading, what: object = ONE, *, within: float = 15.0) -> Observation:
    found: Observation = await seen.until(lambda item: item.target == what and is_stopped(item), within=within)
    return found


@pytest.mark.parametrize("watched", [True, False])
async def test_stopped_is_only_said_when_nothing_acts_any_more(sim: Simulated, backend: Backend, watched: bool) -> None:
    await sim.all_acting("refund-1")
    if not watched:
        sim.faults.add(operation="kubernetes.watch", kind="error", status=500)
    watches = await halted(backend, ONE)
    async with observing(backend, watches) as seen:
        proof = await _stopped(seen)
    assert proof.evidence is not None
    assert proof.evidence.grade is Grade.OBSERVED
    last = sim.last_action("refund-1")
    assert last is not None
    assert last <= proof.evidence.at
    assert sim.truth()["refund-1"]["running"] == 0
    assert {item.sight for item in seen.seen[:-1]} <= {Sight.DRAINING}


async def test_what_is_still_there_is_told(backend: Backend) -> None:
    watches = await halted(backend, ONE)
    async with observing(backend, watches) as seen:
        first = await seen.until(lambda item: item.sight is Sight.DRAINING)
        assert 1 <= first.running <= 3
        assert "terminating" in first.note
        await _stopped(seen)


async def test_an_ambiguous_halt_that_was_never_applied_is_acting(backend: Backend) -> None:
    (captured,) = await capture(backend, ONE)
    async with observing(backend, [accepted_anyhow(captured)]) as seen:
        assert (await seen.until(lambda _: True)).sight is Sight.ACTING


async def test_a_revival_is_seen_at_once(sim: Simulated, backend: Backend, admin: Admin) -> None:
    watches = await halted(backend, ONE)
    async with observing(backend, watches) as seen:
        await _stopped(seen)
        await eventually(lambda: "kubernetes.watch.deployments" in sim.counts())
        admin.scale("refund-1", 2)
        revival = await seen.until(lambda item: item.sight is Sight.ACTING, within=5)
        assert "replicas is 2" in revival.note
        admin.scale("refund-1", 0)
        await _stopped(seen)


async def test_a_deleted_deployment_is_stopped_when_its_pods_are_gone(
    sim: Simulated, backend: Backend, admin: Admin
) -> None:
    watches = await halted(backend, ONE)
    admin.delete("refund-1")
    async with observing(backend, watches) as seen:
        proof = await _stopped(seen)
    assert "deleted" in proof.note
    assert sim.truth()["refund-1"]["running"] == 0


async def test_pods_on_a_node_that_is_not_ready_are_unknown(sim: Simulated, backend: Backend, admin: Admin) -> None:
    _ = sim  # a real kubelet would take its node's readiness back at once
    nodes = {pod["spec"]["nodeName"] for pod in admin.pods(selector="agent=refund-2")}
    (node,) = nodes
    admin.set_node_ready(node, ready=False)
    async with sighting(backend):
        watches = await halted(backend, TWO)
        async with observing(backend, watches) as seen:
            doubt = await seen.until(lambda item: item.sight is Sight.UNKNOWN)
            assert node in doubt.note
            assert not any(is_stopped(item) for item in seen.seen)
            admin.set_node_ready(node, ready=True)
            await _stopped(seen, TWO)


async def test_without_the_right_to_see_nodes_the_evidence_says_so(sim: Simulated, backend: Backend) -> None:
    sim.faults.add(operation="kubernetes.*.nodes", kind="error", status=403)
    watches = await halted(backend, ONE)
    async with observing(backend, watches) as seen:
        proof = await _stopped(seen)
    assert proof.evidence is not None
    assert "node readiness not checked" in proof.evidence.detail


async def test_while_pods_cannot_be_listed_nothing_is_stopped(sim: Simulated, backend: Backend) -> None:
    async with sighting(backend):
        watches = await halted(backend, ONE)
        await eventually(lambda: sim.truth()["refund-1"]["running"] == 0)
        fault = sim.faults.add(operation="kubernetes.list.pods", kind="error", status=500)
        async with observing(backend, watches) as seen:
            doubt = await seen.until(lambda item: item.sight is Sight.UNKNOWN)
            assert "500" in doubt.note
            sim.faults.remove(fault)
            await _stopped(seen)


async def test_a_pod_without_owner_that_matches_the_selector_counts(backend: Backend, admin: Admin) -> None:
    (pod, *_) = admin.pods(selector="agent=refund-2")
    stray = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stray", "labels": admin.deployment("refund-2")["spec"]["selector"]["matchLabels"]},
        "spec": {"containers": pod["spec"]["containers"], "terminationGracePeriodSeconds": 0},
    }
    watches = await halted(backend, TWO)
    admin.call("POST", "/api/v1/namespaces/payments/pods", stray)
    async with observing(backend, watches) as seen:
        await eventually(
            lambda: [p["metadata"]["name"] for p in admin.pods(selector="agent=refund-2")] in ([], ["stray"])
        )
        stray_acts = await seen.until(lambda item: item.sight is Sight.DRAINING and item.running == 1)
        assert stray_acts.target == TWO
        assert not any(is_stopped(item) for item in seen.seen)
        admin.call("DELETE", "/api/v1/namespaces/payments/pods/stray")
        await _stopped(seen, TWO)


async def test_many_targets_need_few_lists() -> None:
    specs = [agent(f"a-{n}", namespace=f"ns-{n % 2}", replicas=1) for n in range(60)]
    targets = [target(spec.name, namespace=spec.namespace) for spec in specs]
    async with running(specs=specs) as sim, opened(sim) as backend:
        watches = await halted(backend, *targets)
        sim.forget_requests()
        async with observing(backend, watches) as seen:
            done: set[object] = set()
            while len(done) < 60:
                done.add((await seen.until(is_stopped)).target)
        counts = sim.counts()
        assert counts["kubernetes.list.pods"] < 40, counts
        assert counts.get("kubernetes.get.deployments", 0) < 60, counts
        assert all(state["running"] == 0 for state in sim.truth().values())


async def test_targets_may_arrive_while_others_are_observed(backend: Backend) -> None:
    first, second = await halted(backend, ONE, TWO)
    first_is_stopped = asyncio.Event()

    async def arriving() -> AsyncIterator[Watch]:
        yield first
        await first_is_stopped.wait()
        yield second

    async with reading(backend.observe(arriving())) as seen:
        await _stopped(seen, ONE)
        assert all(item.target == ONE for item in seen.seen)
        first_is_stopped.set()
        await _stopped(seen, TWO)


async def test_closing_the_table_ends_an_observation_that_nobody_closed(sim: Simulated) -> None:
    async with opened(sim) as backend:
        watches = await halted(backend, ONE)

        async def arriving() -> AsyncIterator[Watch]:
            for watch in watches:
                yield watch

        stream = backend.observe(arriving())
        assert isinstance(await anext(stream), Observation)
    await stream.aclose()  # type: ignore[attr-defined]
