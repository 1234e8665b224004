"""No request, however odd, gets a 500 or stops the controllers."""

from __future__ import annotations

import random
from typing import Any

from simulated_cluster import Cluster, agent, job, make, simulated_cluster, until, workload

ODD = (
    None,
    True,
    -1,
    0,
    3,
    2**40,
    1.5,
    "",
    "x",
    "50%",
    "\ud800",
    [],
    [None],
    ["x"],
    {},
    {"x": None},
    [{}],
    {"a": {"b": 1}},
)
APPS, BATCH = "/apis/apps/v1/namespaces/agents", "/apis/batch/v1/namespaces/agents"
OBJECTS = (
    f"{APPS}/deployments/web",
    f"{APPS}/statefulsets/db",
    f"{APPS}/daemonsets/every-node",
    f"{BATCH}/jobs/work",
    f"{BATCH}/cronjobs/tick",
    "/api/v1/namespaces/agents/serviceaccounts/default",
    "/api/v1/nodes/node-1",
)


def oddly_changed(value: Any, rng: random.Random) -> Any:
    """A copy of a value with one place replaced by something odd, or taken away."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        return {**value, key: oddly_changed(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        return [*value[:place], oddly_changed(value[place], rng), *value[place + 1 :]]
    return rng.choice(ODD)


async def populate(cluster: Cluster) -> None:
    await make(cluster, f"{APPS}/deployments", workload("web", replicas=2))
    await make(cluster, f"{APPS}/statefulsets", workload("db", replicas=2, serviceName="db"))
    await make(cluster, f"{APPS}/daemonsets", workload("every-node"))
    await make(cluster, f"{BATCH}/jobs", job("work", seconds=0.01, completions=2))
    cron = {"schedule": "* * * * *", "jobTemplate": {"spec": job("x", seconds=0.01)["spec"]}}
    await make(cluster, f"{BATCH}/cronjobs", {"metadata": {"name": "tick"}, "spec": cron})


async def test_odd_bodies_are_refused_or_taken_but_never_break_anything() -> None:
    rng = random.Random(11)
    async with simulated_cluster([agent("refund-1", replicas=1)]) as cluster:
        await populate(cluster)
        seen = set()
        for _ in range(600):
            path = rng.choice(OBJECTS) + rng.choice(("", "", "", "/status", "/scale"))
            found = await cluster.call("GET", path)
            if found.status != 200:
                continue
            body = oddly_changed(found.body, rng)
            method, kind = rng.choice((("PUT", "application/json"), ("PATCH", "merge"), ("PATCH", "strategic")))
            answer = await cluster.call(method, path, body, kind=kind)
            seen.add(answer.status)
            assert answer.status in (200, 400, 404, 409, 415, 422), (method, path, body, answer.body)
        assert {200, 400, 409, 422} <= seen
        await cluster.patch(f"{APPS}/deployments/refund-1", {"spec": {"replicas": 3}})
        await cluster.patch("/api/v1/nodes/node-1/status", {"status": None})
        await until(lambda: cluster.acting.count("refund-1") == 3)


async def test_odd_creations() -> None:
    rng = random.Random(12)
    async with simulated_cluster([agent("refund-1", replicas=1)]) as cluster:
        bodies = {
            f"{APPS}/deployments": workload("a", replicas=1, strategy={"type": "Recreate"}),
            f"{APPS}/statefulsets": workload("a", replicas=1, podManagementPolicy="Parallel"),
            f"{BATCH}/jobs": job("a", seconds=0.01),
            "/api/v1/namespaces/agents/pods": {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}},
        }
        for number in range(300):
            path = rng.choice(sorted(bodies))
            body = oddly_changed({**bodies[path], "metadata": {"name": f"a-{number}", "labels": {"agent": "a"}}}, rng)
            answer = await cluster.call("POST", path, body)
            assert answer.status in (201, 400, 409, 415, 422), (path, body, answer.body)
        await cluster.patch(f"{APPS}/deployments/refund-1", {"spec": {"replicas": 2}})
        await until(lambda: cluster.acting.count("refund-1") == 2)


async def test_bodies_that_are_not_json_and_paths_that_are_not_served() -> None:
    async with simulated_cluster() as cluster:
        for text in (b"", b"{", b"[1]", b"NaN", b'{"a": NaN}', b"\xff", b"[" * 100_000):
            url = f"{cluster.address}{APPS}/deployments/refund-1"
            async with cluster.session.put(url, data=text, headers={"Content-Type": "application/json"}) as response:
                assert response.status == 400
        for path in (
            "/",
            "/x",
            "/api/v2",
            "/apis/none",
            "/apis/apps/v9",
            "/api/v1/",
            "/apis/apps/v1//x",
            "/api//x",
        ):
            assert (await cluster.call("GET", path)).status in (404, 200), path
        assert (await cluster.call("POST", f"{APPS}/deployments/refund-1", {})).status == 405
