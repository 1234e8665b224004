"""Controllers and kubelets: what is wished for comes about, and a container's end is its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from killswitch_backends.simulator.kubernetes.controllers.cron_jobs import last_due
from killswitch_backends.simulator.kubernetes.controllers.manager import Pace
from simulated_cluster import Cluster, agent, job, make, simulated_cluster, until, workload

DEPLOYMENTS = "/apis/apps/v1/namespaces/agents/deployments"
ONE = f"{DEPLOYMENTS}/refund-1"


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with simulated_cluster() as running:
        yield running


async def ready_pods(cluster: Cluster, selector: str) -> list[str]:
    return [
        pod["metadata"]["name"]
        for pod in await cluster.pods(selector)
        if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
    ]


async def test_scaling_to_zero_drains_for_the_grace_and_back_up_again(cluster: Cluster) -> None:
    await cluster.patch(ONE, {"spec": {"replicas": 0}})

    async def terminating() -> bool:
        pods = await cluster.pods("agent=refund-1")
        return bool(pods) and all("deletionTimestamp" in pod["metadata"] for pod in pods)

    await until(terminating)
    assert cluster.acting.count("refund-1") == 2, "a terminating agent goes on acting"

    async def settled() -> bool:
        status = (await cluster.get(ONE))["status"]
        return "replicas" not in status and status["terminatingReplicas"] == 2

    await until(settled)

    async def gone() -> bool:
        pods = await cluster.pods("agent=refund-1")
        assert cluster.acting.count("refund-1") <= len(pods), "no object may go before its container"
        return not pods

    await until(gone)
    assert cluster.acting.count("refund-1") == 0
    assert cluster.acting.count("refund-2") == 2
    await cluster.patch(ONE, {"spec": {"replicas": 3}})

    async def back() -> bool:
        return (await cluster.get(ONE))["status"].get("readyReplicas") == 3

    await until(back)
    assert cluster.acting.count("refund-1") == 3
    status = (await cluster.get(ONE))["status"]
    assert status["observedGeneration"] == (await cluster.get(ONE))["metadata"]["generation"]
    assert {one["type"]: one["status"] for one in status["conditions"]} == {"Available": "True", "Progressing": "True"}


async def test_a_deleted_pod_is_replaced(cluster: Cluster) -> None:
    before = await ready_pods(cluster, "agent=refund-1")
    await cluster.call("DELETE", f"/api/v1/namespaces/agents/pods/{before[0]}")

    async def replaced() -> bool:
        now = await ready_pods(cluster, "agent=refund-1")
        return len(now) == 2 and before[0] not in now

    await until(replaced)
    assert before[1] in await ready_pods(cluster, "agent=refund-1"), "the other one is left alone"


async def test_a_force_deleted_pod_acts_on_out_of_sight(cluster: Cluster) -> None:
    await cluster.patch(ONE, {"spec": {"replicas": 0}})
    await until(lambda: cluster.face.store.version > 0)
    for name in [pod["metadata"]["name"] for pod in await cluster.pods("agent=refund-1")]:
        await cluster.call("DELETE", f"/api/v1/namespaces/agents/pods/{name}", {"gracePeriodSeconds": 0})
    assert not await cluster.pods("agent=refund-1")
    assert cluster.acting.count("refund-1") == 2
    await until(lambda: cluster.acting.count("refund-1") == 0)


async def test_a_later_delete_can_only_shorten_the_grace() -> None:
    async with simulated_cluster([agent("slow", grace=600, replicas=1)]) as cluster:
        (pod,) = await cluster.pods("agent=slow")
        path = f"/api/v1/namespaces/agents/pods/{pod['metadata']['name']}"
        first = (await cluster.call("DELETE", path)).body["metadata"]
        assert first["deletionGracePeriodSeconds"] == 600
        longer = (await cluster.call("DELETE", path, {"gracePeriodSeconds": 900})).body["metadata"]
        assert (longer["deletionGracePeriodSeconds"], longer["deletionTimestamp"]) == (600, first["deletionTimestamp"])
        assert (await cluster.call("DELETE", path)).body["metadata"]["resourceVersion"] == longer["resourceVersion"]
        shorter = (await cluster.call("DELETE", path, {"gracePeriodSeconds": 1})).body["metadata"]
        assert shorter["deletionGracePeriodSeconds"] == 1
        uid = pod["metadata"]["uid"]
        await until(lambda: uid not in cluster.acting.running)


async def test_a_node_that_is_not_ready_ends_nothing(cluster: Cluster) -> None:
    for number in (1, 2, 3):
        await cluster.patch(f"/api/v1/nodes/node-{number}/status", node_condition("Unknown"))
    await cluster.patch(ONE, {"spec": {"replicas": 0}})
    uids = {pod["metadata"]["uid"] for pod in await cluster.pods("agent=refund-1")}

    async def marked() -> bool:
        return all("deletionTimestamp" in pod["metadata"] for pod in await cluster.pods("agent=refund-1"))

    await until(marked)
    for name in [pod["metadata"]["name"] for pod in await cluster.pods("agent=refund-1")][:1]:
        await cluster.call("DELETE", f"/api/v1/namespaces/agents/pods/{name}", {"gracePeriodSeconds": 0})
    assert uids <= cluster.acting.running.keys()
    for number in (1, 2, 3):
        await cluster.patch(f"/api/v1/nodes/node-{number}/status", node_condition("True"))
    await until(lambda: not uids & cluster.acting.running.keys())


def node_condition(status: str) -> Any:
    return {"status": {"conditions": [{"type": "Ready", "status": status, "reason": "test", "message": ""}]}}


async def test_a_finalizer_holds_the_pod_not_the_process(cluster: Cluster) -> None:
    await cluster.patch(ONE, {"spec": {"replicas": 1}})
    await until(lambda: cluster.acting.count("refund-1") == 1)
    (name,) = await ready_pods(cluster, "agent=refund-1")
    path = f"/api/v1/namespaces/agents/pods/{name}"
    await cluster.patch(path, {"metadata": {"finalizers": ["example.com/hold"]}})
    await cluster.call("DELETE", path)
    uid = (await cluster.get(path))["metadata"]["uid"]
    await until(lambda: uid not in cluster.acting.running)

    async def ended() -> bool:
        return bool((await cluster.get(path))["status"]["phase"] == "Failed")

    await until(ended)
    await cluster.patch(path, {"metadata": {"finalizers": []}})
    assert (await cluster.call("GET", path)).status == 404


async def test_a_new_template_rolls_out_without_losing_availability(cluster: Cluster) -> None:
    await make(cluster, DEPLOYMENTS, workload("web", replicas=4))

    async def complete(image: str) -> bool:
        status = (await cluster.get(f"{DEPLOYMENTS}/web"))["status"]
        counts = {status.get(field, 0) for field in ("replicas", "updatedReplicas", "availableReplicas")}
        images = {pod["spec"]["containers"][0]["image"] for pod in await cluster.pods("app=web")}
        return counts == {4} and images == {image}

    await until(lambda: complete("i:1"))
    container = {"name": "c", "image": "i:2"}
    change = {"spec": {"template": {"spec": {"containers": [container]}}}}
    await cluster.patch(f"{DEPLOYMENTS}/web", change, "strategic")

    async def rolled() -> bool:
        assert len(await ready_pods(cluster, "app=web")) >= 3
        return await complete("i:2")

    await until(rolled)
    found = await cluster.get("/apis/apps/v1/namespaces/agents/replicasets?labelSelector=app%3Dweb")
    assert sorted(one["spec"]["replicas"] for one in found["items"]) == [0, 4]
    assert (await cluster.get(f"{DEPLOYMENTS}/web"))["metadata"]["annotations"][
        "deployment.kubernetes.io/revision"
    ] == "2"


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
async def test_propagation_policies(cluster: Cluster, policy: str) -> None:
    await make(cluster, DEPLOYMENTS, workload("web", replicas=1))
    await until(lambda: cluster.acting.count("web") == 1)
    await cluster.call("DELETE", f"{DEPLOYMENTS}/web", {"propagationPolicy": policy})

    async def gone() -> bool:
        return (await cluster.call("GET", f"{DEPLOYMENTS}/web")).status == 404

    await until(gone)
    sets = "/apis/apps/v1/namespaces/agents/replicasets?labelSelector=app%3Dweb"
    if policy == "Orphan":
        (orphan,) = (await cluster.get(sets))["items"]
        assert "ownerReferences" not in orphan["metadata"]
        assert cluster.acting.count("web") == 1
        return

    async def emptied() -> bool:
        return not (await cluster.get(sets))["items"] and not await cluster.pods("app=web")

    await until(emptied)
    await until(lambda: cluster.acting.count("web") == 0)


async def test_stateful_sets_grow_and_shrink_in_order(cluster: Cluster) -> None:
    path = "/apis/apps/v1/namespaces/agents/statefulsets"
    await make(cluster, path, workload("db", replicas=3, serviceName="db"))
    seen: list[str] = []

    async def grown() -> bool:
        names = [pod["metadata"]["name"] for pod in await cluster.pods("app=db")]
        seen.extend(name for name in names if name not in seen)
        return len(await ready_pods(cluster, "app=db")) == 3

    await until(grown)
    assert seen == ["db-0", "db-1", "db-2"]
    await cluster.patch(f"{path}/db/scale", {"spec": {"replicas": 1}})

    async def shrunk() -> bool:
        left = sorted(pod["metadata"]["name"] for pod in await cluster.pods("app=db"))
        assert left == ["db-0", "db-1", "db-2"][: len(left)]
        return left == ["db-0"]

    await until(shrunk)

    async def reported() -> bool:
        return bool((await cluster.get(f"{path}/db"))["status"]["readyReplicas"] == 1)

    await until(reported)


async def test_daemon_sets_follow_their_node_selector(cluster: Cluster) -> None:
    path = "/apis/apps/v1/namespaces/agents/daemonsets"
    await make(cluster, path, workload("node-agent"))

    async def everywhere() -> bool:
        pods = [pod for pod in await cluster.pods("app=node-agent") if pod["status"]["phase"] == "Running"]
        return {pod["spec"]["nodeName"] for pod in pods} == {"node-1", "node-2", "node-3"}

    await until(everywhere)
    nowhere = {"spec": {"template": {"spec": {"nodeSelector": {"halted": "true"}}}}}
    await cluster.patch(f"{path}/node-agent", nowhere)

    async def empty() -> bool:
        return not await cluster.pods("app=node-agent")

    await until(empty)
    await until(lambda: cluster.acting.count("node-agent") == 0)
    assert (await cluster.get(f"{path}/node-agent"))["status"]["desiredNumberScheduled"] == 0


async def test_jobs_run_to_completion_and_suspend(cluster: Cluster) -> None:
    path = "/apis/batch/v1/namespaces/agents/jobs"
    await make(cluster, path, job("quick", seconds=0.05, completions=3, parallelism=2))

    async def complete() -> bool:
        status = (await cluster.get(f"{path}/quick"))["status"]
        return status.get("succeeded") == 3 and [one["type"] for one in status["conditions"]] == ["Complete"]

    await until(complete)
    assert len(await cluster.pods("agent=quick")) == 3
    await make(cluster, path, job("long", seconds=600))
    await until(lambda: cluster.acting.count("long") == 1)
    await cluster.patch(f"{path}/long", {"spec": {"suspend": True}})
    await until(lambda: cluster.acting.count("long") == 0)

    async def suspended() -> bool:
        status = (await cluster.get(f"{path}/long"))["status"]
        conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
        return "startTime" not in status and conditions == {"Suspended": "True"}

    await until(suspended)
    await cluster.patch(f"{path}/long", {"spec": {"suspend": False}})
    await until(lambda: cluster.acting.count("long") == 1)


async def test_cron_jobs_start_what_is_due_and_rest_while_suspended(cluster: Cluster) -> None:
    path = "/apis/batch/v1/namespaces/agents/cronjobs"
    template = {"spec": job("x", seconds=600)["spec"]}
    spec = {"schedule": "* * * * *", "jobTemplate": template, "suspend": True}
    await make(cluster, path, {"metadata": {"name": "tick"}, "spec": spec})
    await cluster.patch(f"{path}/tick/status", {"status": {"lastScheduleTime": "2026-01-01T00:00:00Z"}})
    assert not (await cluster.get("/apis/batch/v1/namespaces/agents/jobs"))["items"]
    await cluster.patch(f"{path}/tick", {"spec": {"suspend": False}})

    async def started() -> bool:
        jobs = (await cluster.get("/apis/batch/v1/namespaces/agents/jobs"))["items"]
        active = (await cluster.get(f"{path}/tick"))["status"].get("active", [])
        return len(jobs) == 1 and [one["name"] for one in active] == [jobs[0]["metadata"]["name"]]

    await until(started)


@pytest.mark.parametrize(
    ("schedule", "due"),
    [("* * * * *", 7200), ("30 * * * *", 5400), ("0 0 * * *", None), ("*/45 1 1 1 *", 6300), ("nonsense", None)],
)
def test_schedules(schedule: str, due: int | None) -> None:
    assert last_due(schedule, 60, 7230) == due


async def test_a_deleted_namespace_is_emptied_first(cluster: Cluster) -> None:
    await cluster.call("DELETE", "/api/v1/namespaces/agents")

    async def gone() -> bool:
        return (await cluster.call("GET", "/api/v1/namespaces/agents")).status == 404

    await until(gone)
    assert not cluster.acting.running
    await make(cluster, "/api/v1/namespaces", {"metadata": {"name": "fresh"}})

    async def account() -> bool:
        return (await cluster.call("GET", "/api/v1/namespaces/fresh/serviceaccounts/default")).status == 200

    await until(account)


async def test_a_pace_slows_the_controllers_down() -> None:
    async with simulated_cluster(pace=Pace(writes_per_second=20)) as cluster:
        await cluster.patch(ONE, {"spec": {"replicas": 8}})

        async def some() -> bool:
            return len(await cluster.pods("agent=refund-1")) > 2

        await until(some)
        assert len(await cluster.pods("agent=refund-1")) == 8, "one sync is one burst"
        assert (await cluster.get(ONE))["status"].get("readyReplicas") != 8
