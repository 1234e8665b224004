"""Custom kinds as their definitions say: both versions of a Sandbox, kagent without a switch, any scale subresource."""

from __future__ import annotations

from typing import Any

import pytest

from disposable_cluster import REAL
from killswitch_backends.problems import Unsupported
from killswitch_backends.protocol import Backend, Failure, Sight
from kubernetes_table import Admin, agent, comparable, halted, is_stopped, observing, order, sighting, target
from kubernetes_workloads import DEFINITIONS, definition, manifest, path, pod_spec
from simulated import eventually

pytestmark = pytest.mark.skipif(bool(REAL), reason="the controllers of custom kinds are the simulator's own")
AGENTS = [agent("bystander-1", replicas=1)]
LABELS = {"agent": "odd-1", "agent-class": "refund", "agent-tenant": "acme"}


async def defined(admin: Admin, group: str, version: str, kind: str, *, scale: str = "", selector: str = "") -> str:
    """Have a kind served in one version; where its objects of the namespace are."""
    body = definition("Sandbox")
    plural = f"{kind.lower()}es" if kind.endswith("x") else f"{kind.lower()}s"
    subresources: dict[str, Any] = {"status": {}}
    if scale:
        subresources["scale"] = {"specReplicasPath": scale, "statusReplicasPath": ".status.replicas"}
        subresources["scale"] |= {"labelSelectorPath": selector} if selector else {}
    body["metadata"] = {"name": f"{plural}.{group}"}
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    one = body["spec"]["versions"][0] | {"name": version, "subresources": subresources}
    body["spec"] = body["spec"] | {"group": group, "names": names, "versions": [one]}
    admin.call("POST", DEFINITIONS, body)
    await eventually(lambda: admin.call("GET", f"{DEFINITIONS}/{plural}.{group}").get("status"))
    return f"/apis/{group}/{version}/namespaces/payments/{plural}"


def body_of(group: str, version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    meta = {"name": "odd-1", "labels": LABELS}
    return {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": meta, "spec": spec}


@pytest.mark.parametrize(
    ("version", "switch"), [("v1alpha1", {"replicas": 0}), ("v1beta1", {"operatingMode": "Suspended"})]
)
async def test_both_versions_of_a_sandbox_stop_and_come_back(
    admin: Admin, backend: Backend, version: str, switch: dict[str, Any]
) -> None:
    place = await defined(admin, "agents.x-k8s.io", version, "Sandbox")
    template = {"metadata": {"labels": LABELS}, "spec": pod_spec()}
    admin.call("POST", place, body_of("agents.x-k8s.io", version, "Sandbox", {"podTemplate": template}))
    await eventually(lambda: [p["status"].get("phase") for p in admin.pods(selector="agent=odd-1")] == ["Running"])
    before = comparable(admin.call("GET", f"{place}/odd-1"))
    async with sighting(backend):
        (watch,) = await halted(backend, target("odd-1", kind="Sandbox"))
        async with observing(backend, [watch]) as seen:
            await seen.until(is_stopped)
    assert admin.call("GET", f"{place}/odd-1")["spec"].items() >= switch.items()
    await backend.restore(watch, order())
    assert comparable(admin.call("GET", f"{place}/odd-1")) == before
    await eventually(lambda: bool(admin.pods(selector="agent=odd-1")))


async def test_a_kagent_without_a_switch_is_unsupported_and_says_what_to_do(admin: Admin, backend: Backend) -> None:
    place = await defined(admin, "kagent.dev", "v1alpha3", "Agent")
    admin.call("POST", place, body_of("kagent.dev", "v1alpha3", "Agent", {}))
    actor = target("odd-1", kind="Agent")
    (plan,) = await backend.preflight([actor])
    assert plan.unsupported is not None
    assert "worker pool" in plan.unsupported
    (failure,) = [item async for item in backend.capture([actor], fresh=True)]
    assert isinstance(failure, Failure)
    assert isinstance(failure.problem, Unsupported)


async def test_any_kind_with_a_scale_subresource_is_scaled_where_its_definition_says(
    admin: Admin, backend: Backend
) -> None:
    place = await defined(admin, "swarms.example.com", "v1", "Swarm", scale=".spec.size")
    made = manifest("Deployment", "odd-1")["spec"]
    spec = {"size": 3, "selector": made["selector"], "template": made["template"]}
    admin.call("POST", place, body_of("swarms.example.com", "v1", "Swarm", spec))
    loose = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "odd-1-a", "labels": LABELS}, "spec": pod_spec()}
    admin.call("POST", "/api/v1/namespaces/payments/pods", loose)
    before = comparable(admin.call("GET", f"{place}/odd-1"))
    async with sighting(backend):
        (watch,) = await halted(backend, target("odd-1", kind="Swarm"))
        assert admin.call("GET", f"{place}/odd-1")["spec"]["size"] == 0
        async with observing(backend, [watch]) as seen:
            await seen.until(lambda item: item.running == 1)  # whoever controls it: it matches the selector
            admin.call("DELETE", "/api/v1/namespaces/payments/pods/odd-1-a")
            await seen.until(is_stopped)
    await backend.restore(watch, order())
    assert comparable(admin.call("GET", f"{place}/odd-1")) == before


async def test_pods_are_looked_for_by_the_selector_that_the_definition_names(admin: Admin, backend: Backend) -> None:
    """A controller may make pods through objects that nothing here knows: only the selector leads to them."""
    place = await defined(
        admin, "swarms.example.com", "v1", "Swarm", scale=".spec.size", selector=".status.podsSelectedBy"
    )
    admin.call("POST", place, body_of("swarms.example.com", "v1", "Swarm", {"size": 1}))
    status = {"status": {"podsSelectedBy": "part-of in (odd,other),!old"}}
    admin.call("PATCH", f"{place}/odd-1/status", status, content="application/merge-patch+json")
    await a_pod(admin, "anything", {"part-of": "odd"})
    async with sighting(backend):
        (watch,) = await halted(backend, target("odd-1", kind="Swarm"))
        async with observing(backend, [watch]) as seen:
            await seen.until(lambda item: item.sight is Sight.DRAINING and item.running == 1)
        admin.call("DELETE", f"{place}/odd-1")  # what it made may outlive it
        async with observing(backend, [watch]) as seen:
            await seen.until(lambda item: item.sight is Sight.DRAINING and item.running == 1)
            admin.call("DELETE", path("Pod", "anything"))
            await seen.until(is_stopped)


async def test_where_no_selector_is_told_nothing_is_called_stopped(admin: Admin, backend: Backend) -> None:
    place = await defined(admin, "swarms.example.com", "v1", "Swarm", scale=".spec.size")
    admin.call("POST", place, body_of("swarms.example.com", "v1", "Swarm", {"size": 1}))
    await a_pod(admin, "anything", {"part-of": "odd"})
    async with sighting(backend):
        (watch,) = await halted(backend, target("odd-1", kind="Swarm"))
        async with observing(backend, [watch]) as seen:
            told = await seen.until(lambda item: item.sight is not Sight.DRAINING)
    assert told.sight is Sight.UNKNOWN
    assert "no selector" in told.note


async def a_pod(admin: Admin, name: str, labels: dict[str, str]) -> None:
    """A running pod with these labels and no others."""
    body = manifest("Pod", name)
    body["metadata"]["labels"] = labels
    admin.call("POST", path("Pod"), body)
    await eventually(lambda: admin.call("GET", path("Pod", name))["status"].get("phase") == "Running")
