"""Custom resources: defined at run time, then served like any other kind."""

from __future__ import annotations

from typing import Any

from simulated_cluster import Cluster, make, simulated_cluster, until

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SANDBOXES = "/apis/agents.x-k8s.io/v1beta1/namespaces/agents/sandboxes"


def definition(name: str = "sandboxes.agents.x-k8s.io") -> Any:
    version = {"name": "v1beta1", "served": True, "storage": True, "subresources": {"status": {}, "scale": {}}}
    names = {"kind": "Sandbox", "plural": "sandboxes", "shortNames": ["sb"]}
    spec = {"group": "agents.x-k8s.io", "scope": "Namespaced", "names": names, "versions": [version]}
    return {"metadata": {"name": name}, "spec": spec}


async def served(cluster: Cluster) -> bool:
    return (await cluster.call("GET", SANDBOXES)).status == 200


async def test_a_defined_kind_is_stored_scaled_and_forgotten() -> None:
    async with simulated_cluster() as cluster:
        assert not await served(cluster)
        await make(cluster, DEFINITIONS, definition())
        await until(lambda: served(cluster))
        resources = (await cluster.get("/apis/agents.x-k8s.io/v1beta1"))["resources"]
        assert [one["name"] for one in resources] == ["sandboxes", "sandboxes/scale", "sandboxes/status"]
        await make(
            cluster, SANDBOXES, {"metadata": {"name": "one"}, "spec": {"replicas": 1, "operatingMode": "Running"}}
        )
        (listed,) = (await cluster.get(SANDBOXES))["items"]
        assert (listed["kind"], listed["apiVersion"]) == ("Sandbox", "agents.x-k8s.io/v1beta1")
        patched = await cluster.patch(f"{SANDBOXES}/one", {"spec": {"operatingMode": "Suspended"}})
        assert patched.body["metadata"]["generation"] == 2
        assert (await cluster.patch(f"{SANDBOXES}/one", {}, "strategic")).status == 415
        assert (await cluster.patch(f"{SANDBOXES}/one/scale", {"spec": {"replicas": 0}})).status == 200
        assert (await cluster.get(f"{SANDBOXES}/one"))["spec"]["replicas"] == 0
        await cluster.call("DELETE", f"{DEFINITIONS}/sandboxes.agents.x-k8s.io")

        async def forgotten() -> bool:
            return not await served(cluster)

        await until(forgotten)


async def test_a_definition_that_cannot_be_served_is_invalid() -> None:
    async with simulated_cluster() as cluster:
        for body in (definition("another.name"), {"metadata": {"name": "x"}}, {"metadata": {"name": "x"}, "spec": {}}):
            answer = await cluster.call("POST", DEFINITIONS, body)
            assert (answer.status, answer.body["reason"]) == (422, "Invalid")
