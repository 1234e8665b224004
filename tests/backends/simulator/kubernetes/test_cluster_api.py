"""The API over HTTP: what every client relies on when it reads, changes and deletes objects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from killswitch_backends.simulator.kubernetes import Denial
from simulated_cluster import Cluster, agent, simulated_cluster, until

DEPLOYMENTS = "/apis/apps/v1/namespaces/agents/deployments"
ONE = f"{DEPLOYMENTS}/refund-1"


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with simulated_cluster() as running:
        yield running


async def create(cluster: Cluster, name: str, *, plural: str = "configmaps", **content: Any) -> Any:
    metadata = {"name": name, **content.pop("metadata", {})}
    answer = await cluster.call("POST", f"/api/v1/namespaces/agents/{plural}", {"metadata": metadata, **content})
    assert answer.status == 201, answer.body
    return answer.body


async def test_without_the_token_nothing_is_answered(cluster: Cluster) -> None:
    refused = await cluster.call("GET", ONE, Authorization="Bearer expired")
    assert (refused.status, refused.body["reason"], refused.body["kind"]) == (401, "Unauthorized", "Status")
    kubectl = {"User-Agent": "kubectl/v1.36.0", "Authorization": "Bearer expired"}
    assert (await cluster.call("GET", ONE, **kubectl)).status == 401


async def test_seeded_agents_stand_as_the_controllers_would_leave_them(cluster: Cluster) -> None:
    before = cluster.face.store.version
    deployment = await cluster.get(f"{DEPLOYMENTS}/refund-2")
    labels = {"agent": "refund-2", "agent-class": "refund", "agent-tenant": "acme"}
    assert deployment["metadata"]["labels"] == labels == deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["status"]["availableReplicas"] == 2
    account = await cluster.get("/api/v1/namespaces/agents/serviceaccounts/refund-2")
    role = "arn:aws:iam::111122223333:role/agents/refund"
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": role}
    pods = await cluster.pods("agent=refund-2")
    assert [pod["status"]["phase"] for pod in pods] == ["Running", "Running"]
    assert {uid: one for uid, one in cluster.acting.running.items() if one[0] == "refund-2"} == {
        pod["metadata"]["uid"]: ("refund-2", role) for pod in pods
    }
    await cluster.patch(ONE, {"metadata": {"annotations": {"looked": "at"}}})
    await until(lambda: cluster.face.store.version > before)
    assert await cluster.get(f"{DEPLOYMENTS}/refund-2") == deployment


async def test_conflicts_preconditions_and_generation(cluster: Cluster) -> None:
    first = await cluster.get(ONE)
    annotated = (await cluster.patch(ONE, {"metadata": {"annotations": {"a": "b"}}})).body
    assert annotated["metadata"]["generation"] == first["metadata"]["generation"]
    assert annotated["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]
    stale = await cluster.call("PUT", ONE, first)
    assert (stale.status, stale.body["reason"], stale.body["details"]["kind"]) == (409, "Conflict", "deployments")
    precondition = {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}, "spec": {"replicas": 9}}
    assert (await cluster.patch(ONE, precondition)).status == 409
    assert (await cluster.patch(ONE, {"metadata": {"uid": "another"}})).status == 409
    fresh = {**annotated, "spec": {**annotated["spec"], "replicas": 3}}
    written = await cluster.call("PUT", ONE, fresh)
    assert written.status == 200
    assert written.body["metadata"]["generation"] == first["metadata"]["generation"] + 1
    del fresh["metadata"]["resourceVersion"]
    assert (await cluster.call("PUT", ONE, fresh)).status == 200


async def test_a_patch_that_changes_nothing_makes_no_version(cluster: Cluster) -> None:
    first = await cluster.get(ONE)
    for kind in ("merge", "strategic"):
        answer = await cluster.patch(ONE, {"spec": {"replicas": 2}, "status": {"replicas": 7}}, kind)
        assert answer.body == first
    assert (await cluster.patch(ONE, [{"op": "test", "path": "/kind", "value": "Deployment"}], "json")).body == first


async def test_status_is_its_own_subresource(cluster: Cluster) -> None:
    patched = await cluster.patch(
        "/api/v1/nodes/node-1/status", {"status": {"phase": "X"}, "spec": {"unschedulable": True}}
    )
    assert patched.body["status"]["phase"] == "X"
    assert "unschedulable" not in patched.body["spec"]


@pytest.mark.parametrize(
    ("path", "body", "kind", "status", "reason"),
    [
        (ONE, [{"op": "test", "path": "/spec/replicas", "value": 9}], "json", 422, "Invalid"),
        (ONE, {"spec": {"replicas": -1}}, "merge", 422, "Invalid"),
        (ONE, {"spec": {"selector": {"matchLabels": {"a": "b"}}}}, "merge", 422, "Invalid"),
        (ONE, {"spec": {"replicas": "2"}}, "merge", 400, "BadRequest"),
        (ONE, {"spec": {"replicas": True}}, "merge", 400, "BadRequest"),
        (ONE, {"metadata": {"annotations": {"a": 1}}}, "merge", 400, "BadRequest"),
        (ONE, {"metadata": {"name": "another"}}, "merge", 400, "BadRequest"),
        (ONE, [], "merge", 400, "BadRequest"),
        (ONE, {}, "application/json", 415, "UnsupportedMediaType"),
        (f"{DEPLOYMENTS}/absent", {}, "merge", 404, "NotFound"),
        ("/apis/apps/v1/namespaces/agents/nothings/x", {}, "merge", 404, "NotFound"),
        (f"{ONE}/scale", {"spec": {"replicas": -1}}, "merge", 422, "Invalid"),
    ],
)
async def test_refused_patches_change_nothing(
    cluster: Cluster, path: str, body: Any, kind: str, status: int, reason: str
) -> None:
    first = await cluster.get(ONE)
    answer = await cluster.patch(path, body, kind)
    assert (answer.status, answer.body["reason"], answer.body["code"]) == (status, reason, status)
    assert await cluster.get(ONE) == first


async def test_scale_shows_and_sets_replicas(cluster: Cluster) -> None:
    scale = await cluster.get(f"{ONE}/scale")
    assert (scale["spec"], scale["status"]) == ({"replicas": 2}, {"replicas": 2, "selector": "agent=refund-1"})
    assert (await cluster.patch(f"{ONE}/scale", {"spec": {"replicas": 0}})).body["spec"] == {}
    assert (await cluster.get(ONE))["spec"]["replicas"] == 0
    stale = await cluster.call("PUT", f"{ONE}/scale", scale)
    assert stale.status == 409
    replace = [{"op": "replace", "path": "/spec", "value": {"replicas": 1}}]
    assert (await cluster.patch(f"{ONE}/scale", replace, "json")).status == 200
    now = await cluster.get(f"{ONE}/scale")
    now["spec"]["replicas"] = 4
    assert (await cluster.call("PUT", f"{ONE}/scale", now)).body["spec"]["replicas"] == 4


async def test_dry_run_answers_as_if_and_applies_nothing(cluster: Cluster) -> None:
    first, version = await cluster.get(ONE), cluster.face.store.version
    answer = await cluster.patch(f"{ONE}?dryRun=All", {"spec": {"replicas": 0}})
    assert answer.body["spec"]["replicas"] == 0
    assert (await cluster.patch(f"{ONE}/scale?dryRun=All", {"spec": {"replicas": 0}})).status == 200
    config_map = {"metadata": {"name": "x"}}
    created = await cluster.call("POST", "/api/v1/namespaces/agents/configmaps?dryRun=All", config_map)
    assert created.status == 201
    assert (await cluster.call("DELETE", ONE, {"dryRun": ["All"]})).status == 200
    assert (await cluster.call("DELETE", f"{DEPLOYMENTS}?dryRun=All")).status == 200
    assert (await cluster.patch(f"{ONE}?dryRun=Some", {})).status == 400
    assert (await cluster.get(ONE), cluster.face.store.version) == (first, version)


async def test_create_names_defaults_and_refuses_twins(cluster: Cluster) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    made = await cluster.call("POST", DEPLOYMENTS, {"metadata": {"generateName": "web-"}, "spec": spec})
    assert made.status == 201
    assert made.body["metadata"]["name"].startswith("web-")
    assert made.body["spec"]["replicas"] == 1
    assert made.body["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 30
    await create(cluster, "x")
    twin = await cluster.call("POST", "/api/v1/namespaces/agents/configmaps", {"metadata": {"name": "x"}})
    assert (twin.status, twin.body["reason"]) == (409, "AlreadyExists")
    wrong = {"metadata": {"name": "Y"}, "spec": {**spec, "selector": {"matchLabels": {"a": "c"}}}}
    refused = await cluster.call("POST", DEPLOYMENTS, wrong)
    assert (refused.status, len(refused.body["details"]["causes"])) == (422, 2)
    nowhere = await cluster.call("POST", "/api/v1/namespaces/nowhere/configmaps", {"metadata": {"name": "x"}})
    assert nowhere.status == 404


async def test_lists_select_and_page_through_one_version(cluster: Cluster) -> None:
    for name in ("a", "b", "c", "d", "e"):
        await create(cluster, name, metadata={"labels": {"odd": str(ord(name) % 2)}})
    path = "/api/v1/namespaces/agents/configmaps"
    odd = await cluster.get(f"{path}?labelSelector=odd%3D1")
    assert [item["metadata"]["name"] for item in odd["items"]] == ["a", "c", "e"]
    assert "kind" not in odd["items"][0]
    assert [i["metadata"]["name"] for i in (await cluster.get(f"{path}?fieldSelector=metadata.name%3Db"))["items"]] == [
        "b"
    ]
    page = await cluster.get(f"{path}?limit=2")
    assert page["metadata"]["remainingItemCount"] == 3
    await create(cluster, "bb")
    await cluster.call("DELETE", f"{path}/d")
    names, version = [item["metadata"]["name"] for item in page["items"]], page["metadata"]["resourceVersion"]
    while token := page["metadata"].get("continue"):
        page = await cluster.get(f"{path}?limit=2&continue={token}")
        names += [item["metadata"]["name"] for item in page["items"]]
        assert page["metadata"]["resourceVersion"] == version
    assert names == ["a", "b", "c", "d", "e"]
    exact = await cluster.get(f"{path}?resourceVersion={version}&resourceVersionMatch=Exact")
    assert len(exact["items"]) == 5
    assert (await cluster.call("GET", f"{path}?fieldSelector=spec.x%3D1")).status == 400
    assert (await cluster.call("GET", f"{path}?resourceVersion=99999999")).status == 504


async def test_a_page_of_a_lost_version_is_expired() -> None:
    async with simulated_cluster(history=2) as cluster:
        for name in ("a", "b", "c"):
            await create(cluster, name)
        path = "/api/v1/namespaces/agents/configmaps"
        token = (await cluster.get(f"{path}?limit=1"))["metadata"]["continue"]
        for name in ("d", "e", "f"):
            await create(cluster, name)
        answer = await cluster.call("GET", f"{path}?limit=1&continue={token}")
        assert (answer.status, answer.body["reason"]) == (410, "Expired")


async def test_finalizers_hold_an_object_until_they_are_gone(cluster: Cluster) -> None:
    await create(cluster, "held", metadata={"finalizers": ["example.com/hold"]})
    path = "/api/v1/namespaces/agents/configmaps/held"
    deleted = await cluster.call("DELETE", path)
    assert deleted.body["metadata"]["deletionTimestamp"]
    assert (await cluster.call("DELETE", path)).status == 200
    assert (await cluster.patch(path, {"metadata": {"finalizers": None}})).status == 200
    assert (await cluster.call("GET", path)).status == 404


async def test_delete_preconditions(cluster: Cluster) -> None:
    made = await create(cluster, "one")
    path = "/api/v1/namespaces/agents/configmaps/one"
    assert (await cluster.call("DELETE", path, {"preconditions": {"uid": "another"}})).status == 409
    assert (await cluster.call("DELETE", path, {"preconditions": {"resourceVersion": "1"}})).status == 409
    gone = await cluster.call("DELETE", path, {"preconditions": {"uid": made["metadata"]["uid"]}})
    assert (gone.status, gone.body["status"], gone.body["details"]["uid"]) == (200, "Success", made["metadata"]["uid"])


async def test_delete_collection_takes_what_the_selectors_take(cluster: Cluster) -> None:
    for name in ("a", "b"):
        await create(cluster, name, metadata={"labels": {"name": name}})
    path = "/api/v1/namespaces/agents/configmaps"
    gone = await cluster.call("DELETE", f"{path}?labelSelector=name%3Da")
    assert [item["metadata"]["name"] for item in gone.body["items"]] == ["a"]
    assert [item["metadata"]["name"] for item in (await cluster.get(path))["items"]] == ["b"]


async def test_denied_calls_are_forbidden_and_reviews_say_so(cluster: Cluster) -> None:
    cluster.face.access.deny(Denial(verb="patch", group="apps", resource="deployments"))
    refused = await cluster.patch(ONE, {"spec": {"replicas": 0}})
    assert (refused.status, refused.body["reason"]) == (403, "Forbidden")
    assert (await cluster.patch(f"{ONE}/scale", {"spec": {"replicas": 0}})).status == 200
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    for resource, subresource, allowed in (("deployments", "", False), ("deployments", "scale", True)):
        asked = {
            "verb": "patch",
            "group": "apps",
            "resource": resource,
            "subresource": subresource,
            "namespace": "agents",
        }
        answer = await cluster.call("POST", path, {"spec": {"resourceAttributes": asked}})
        assert (answer.status, answer.body["status"]["allowed"]) == (201, allowed)
    myself = await cluster.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    assert myself.body["status"]["userInfo"]["username"] == "oncall@simulator"


async def test_every_call_passes_the_faults_before_and_after(cluster: Cluster) -> None:
    cluster.faults.struck.clear()
    await cluster.get(ONE)
    await cluster.patch(f"{ONE}/scale", {"spec": {"replicas": 1}})
    patch = "kubernetes.patch.deployments/scale"
    assert cluster.faults.struck == [("kubernetes.get.deployments", False), (patch, False), (patch, True)]
    cluster.faults.planned[patch, False] = lambda: web.Response(status=503)
    assert (await cluster.call("PATCH", f"{ONE}/scale", {"spec": {"replicas": 0}}, kind="merge")).status == 503
    cluster.faults.planned = {(patch, True): lambda: web.Response(status=504)}
    assert (await cluster.get(ONE))["spec"]["replicas"] == 1
    assert (await cluster.call("PATCH", f"{ONE}/scale", {"spec": {"replicas": 0}}, kind="merge")).status == 504
    assert (await cluster.get(ONE))["spec"]["replicas"] == 0


async def test_thousands_of_agents_share_one_world() -> None:
    async with simulated_cluster([agent(f"agent-{number}") for number in range(1000)]) as cluster:
        assert len(cluster.acting.running) == 2000
        pods = (await cluster.get("/api/v1/pods"))["items"]
        assert len({pod["metadata"]["uid"] for pod in pods}) == len({pod["metadata"]["name"] for pod in pods}) == 2000
        assert len({pod["status"]["podIP"] for pod in pods}) == 2000
