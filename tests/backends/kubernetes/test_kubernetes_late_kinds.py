"""What is installed while the console runs is found: new kinds of workload, new kinds of reviver."""

from __future__ import annotations

import pytest

from killswitch_backends.kubernetes import discovery
from killswitch_backends.kubernetes.mirror import mirror
from killswitch_backends.protocol import Sight
from kubernetes_table import Admin, agent, halted, observing, opened, order, sighting, sights_of, target
from kubernetes_workloads import DEFINITIONS, definition, manifest, path
from simulated import eventually, running


async def test_what_was_installed_later_is_sighted_halted_and_its_revivers_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mirror, "_LEARN_SECONDS", 0.2)
    monkeypatch.setattr(discovery, "_STALE_SECONDS", 0.1)
    async with running(specs=[agent("refund-1")]) as sim, opened(sim) as backend, sighting(backend) as sights:
        admin = Admin(sim)
        for kind in ("Rollout", "ScaledObject"):
            admin.call("POST", DEFINITIONS, definition(kind))
            name = definition(kind)["metadata"]["name"]
            await eventually(lambda name=name: admin.call("GET", f"{DEFINITIONS}/{name}").get("status"))
        admin.call("POST", path("Rollout"), manifest("Rollout", "later-1"))
        await sights.until(lambda item: sights_of(item, "later-1"))
        scaled = {"scaleTargetRef": {"name": "refund-1"}, "minReplicaCount": 2}
        keda = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "k"}, "spec": scaled}
        admin.call("POST", path("ScaledObject"), keda)
        (plan,) = await backend.preflight([target("refund-1")])
        assert "hold ScaledObject k" in plan.action
        (watch,) = await halted(backend, target("later-1", kind="Rollout"))
        async with observing(backend, [watch]) as seen:
            await seen.until(lambda item: item.sight is Sight.STOPPED)
        await backend.restore(watch, order())


async def test_pods_that_were_seen_before_their_kind_was_known_are_given_to_it() -> None:
    async with running(specs=[agent("refund-1")]) as sim:
        admin = Admin(sim)
        admin.call("POST", DEFINITIONS, definition("Sandbox"))
        name = definition("Sandbox")["metadata"]["name"]
        await eventually(lambda: admin.call("GET", f"{DEFINITIONS}/{name}").get("status"))
        admin.call("POST", path("Sandbox"), manifest("Sandbox", "early-1"))
        phases = lambda: [pod["status"].get("phase") for pod in admin.pods(selector="agent=early-1")]  # noqa: E731
        await eventually(lambda: "Running" in phases())
        sim.faults.add(operation="kubernetes.discover", kind="latency", seconds=1.5)
        async with opened(sim) as backend, sighting(backend) as sights:
            found = [item for item in sights.seen if sights_of(item, "early-1")]
    assert found[-1].concurrency > 0
