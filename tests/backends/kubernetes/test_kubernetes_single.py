"""Ending one pod: a bare one comes back by its manifest, one of many is not replaced and the others go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from disposable_cluster import Disposable
from killswitch_backends.problems import Changed, Conflict, Unsupported
from killswitch_backends.protocol import Backend, Failure, Sight
from killswitch_inventory.sightings import ListingComplete, TargetSighting
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
from kubernetes_workloads import manifest, path
from simulated import Simulated, eventually

AGENTS = [agent("refund-1", replicas=3)]


@pytest.fixture
async def backend(cluster: Disposable) -> AsyncIterator[Backend]:
    async with cluster.opened() as table, sighting(table):
        yield table


def names(admin: Admin) -> list[str]:
    return sorted(pod["metadata"]["name"] for pod in admin.pods(selector="agent=refund-1"))


async def test_one_of_many_ends_and_the_others_go_on(sim: Simulated, admin: Admin, backend: Backend) -> None:
    before = comparable(admin.deployment("refund-1"))
    first, *others = names(admin)
    (watch,) = await halted(backend, target(first, kind="Pod"))
    async with observing(backend, [watch]) as seen:
        await seen.until(is_stopped)
    assert names(admin) == others
    assert admin.deployment("refund-1")["spec"]["replicas"] == 2
    assert sim.truth()["refund-1"]["running"] == 2
    await backend.restore(watch, order())
    assert comparable(admin.deployment("refund-1")) == before
    await eventually(lambda: len(names(admin)) == 3)


async def test_two_instances_are_given_back_in_any_order(admin: Admin, backend: Backend) -> None:
    first, second, _ = names(admin)
    (one,) = await halted(backend, target(first, kind="Pod"), halt_id="H1")
    (two,) = await halted(backend, target(second, kind="Pod"), halt_id="H2")
    await backend.halt(two.captured, order("H2"))
    assert admin.deployment("refund-1")["spec"]["replicas"] == 1
    await backend.restore(one, order("H1"))
    assert admin.deployment("refund-1")["spec"]["replicas"] == 2
    await backend.restore(two, order("H2"))
    await backend.restore(two, order("H2"))
    assert admin.deployment("refund-1")["spec"]["replicas"] == 3
    assert "killswitch-console/instances" not in admin.deployment("refund-1")["metadata"]["annotations"]


async def test_somebody_elses_scaling_in_between_is_told(admin: Admin, backend: Backend) -> None:
    first = target(names(admin)[0], kind="Pod")
    (captured,) = await capture(backend, first)
    admin.scale("refund-1", 4)
    with pytest.raises(Changed):
        await backend.halt(captured, order())
    (watch,) = await halted(backend, first)
    admin.scale("refund-1", 6)
    with pytest.raises(Conflict) as raised:
        await backend.restore(watch, order())
    assert [(change.expected, change.found) for change in raised.value.changes] == [(3, 6)]


async def test_an_agents_halt_and_an_instances_do_not_undo_each_other(admin: Admin, backend: Backend) -> None:
    before = comparable(admin.deployment("refund-1"))
    (one,) = await halted(backend, target(names(admin)[0], kind="Pod"), halt_id="H1")
    (whole,) = await halted(backend, target("refund-1"), halt_id="H2")
    with pytest.raises(Conflict):
        await backend.restore(one, order("H1"))
    await backend.restore(whole, order("H2"))
    assert admin.deployment("refund-1")["spec"]["replicas"] == 2
    await backend.restore(one, order("H1"))
    assert comparable(admin.deployment("refund-1")) == before


async def test_a_bare_pod_is_deleted_and_made_again_from_its_manifest(admin: Admin, backend: Backend) -> None:
    admin.call("POST", path("Pod"), manifest("Pod", "loner-1"))
    await eventually(lambda: admin.call("GET", path("Pod", "loner-1"))["status"].get("phase") == "Running")
    before = admin.call("GET", path("Pod", "loner-1"))
    (plan,) = await backend.preflight([target("loner-1", kind="Pod")])
    assert "manifest" in plan.action
    (watch,) = await halted(backend, target("loner-1", kind="Pod"))
    async with observing(backend, [watch]) as seen:
        await seen.until(is_stopped)
        assert not admin.pods(selector="agent=loner-1")
        await backend.restore(watch, order())
        await backend.restore(watch, order())
        await seen.until(lambda item: item.sight is Sight.ACTING)
    after = admin.call("GET", path("Pod", "loner-1"))
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert {**after["spec"], "nodeName": ""} == {**before["spec"], "nodeName": ""}


async def test_an_instance_names_what_ends_it_alone(admin: Admin, backend: Backend) -> None:
    async with reading(backend.sight()) as sights:
        await sights.until(lambda item: isinstance(item, ListingComplete))
        seen = {s.target.path: s for s in sights.seen if isinstance(s, TargetSighting)}
    assert {i.target for i in seen["payments/Deployment/refund-1"].instances} == {
        target(name, kind="Pod") for name in names(admin)
    }


async def made(admin: Admin, kind: str, name: str, **spec: int) -> dict[str, Any]:
    """An agent of a kind with two pods that run."""
    admin.call("POST", path(kind), manifest(kind, name, **spec))

    def running() -> int:
        pods = admin.pods(selector=f"agent={name}")
        return sum(pod["status"].get("phase") == "Running" for pod in pods)

    await eventually(lambda: running() >= (1 if kind == "DaemonSet" else 2), within=20)
    return comparable(admin.call("GET", path(kind, name)))


async def test_of_a_stateful_set_the_last_pod_ends_and_comes_back_last(admin: Admin, backend: Backend) -> None:
    before = await made(admin, "StatefulSet", "ledger-1")
    first, last = target("ledger-1-0", kind="Pod"), target("ledger-1-1", kind="Pod")
    (plan,) = await backend.preflight([first])
    assert plan.unsupported == "a StatefulSet gives up its last pod only: halt ledger-1-1 first, or the whole agent"
    (failure,) = [item async for item in backend.capture([first], fresh=True)]
    assert isinstance(failure, Failure)
    assert isinstance(failure.problem, Unsupported)
    (one,) = await halted(backend, last, halt_id="H1")
    async with observing(backend, [one]) as seen:
        await seen.until(is_stopped)
    assert [pod["metadata"]["name"] for pod in admin.pods(selector="agent=ledger-1")] == ["ledger-1-0"]
    (two,) = await halted(backend, first, halt_id="H2")
    with pytest.raises(Conflict, match="ledger-1-0 comes back before"):
        await backend.restore(one, order("H1"))
    await backend.restore(two, order("H2"))
    await backend.restore(one, order("H1"))
    assert comparable(admin.call("GET", path("StatefulSet", "ledger-1"))) == before
    await eventually(lambda: len(admin.pods(selector="agent=ledger-1")) == 2, within=20)


@pytest.mark.parametrize(("kind", "instead"), [("DaemonSet", "drain that node"), ("Job", "halt the whole Job")])
async def test_what_nobody_can_end_alone_says_what_to_do(
    admin: Admin, backend: Backend, kind: str, instead: str
) -> None:
    await made(admin, kind, "other-1")
    name = admin.pods(selector="agent=other-1")[0]["metadata"]["name"]
    (plan,) = await backend.preflight([target(name, kind="Pod")])
    assert plan.unsupported is not None
    assert instead in plan.unsupported
