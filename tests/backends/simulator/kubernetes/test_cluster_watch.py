"""Watches: every change once, in order, from any version the history still has."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from simulated_cluster import Cluster, simulated_cluster, until

MAPS = "/api/v1/namespaces/agents/configmaps"


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with simulated_cluster(history=20) as running:
        yield running


async def write(cluster: Cluster, name: str, **labels: str) -> str:
    """Make or label a config map; its resourceVersion."""
    answer = await cluster.patch(f"{MAPS}/{name}", {"metadata": {"labels": labels}})
    if answer.status == 404:
        answer = await cluster.call("POST", MAPS, {"metadata": {"name": name, "labels": labels}})
    return str(answer.body["metadata"]["resourceVersion"])


async def test_a_watch_starts_with_what_exists_and_goes_on(cluster: Cluster) -> None:
    await write(cluster, "a", x="1")
    async with cluster.watch(f"{MAPS}?watch=true") as next_event:
        event = await next_event()
        assert (event["type"], event["object"]["kind"], event["object"]["metadata"]["name"]) == (
            "ADDED",
            "ConfigMap",
            "a",
        )
        await write(cluster, "a", x="2")
        assert (await next_event())["type"] == "MODIFIED"
        await cluster.call("DELETE", f"{MAPS}/a")
        gone = await next_event()
        assert (gone["type"], gone["object"]["metadata"]["labels"]) == ("DELETED", {"x": "2"})
        assert int(gone["object"]["metadata"]["resourceVersion"]) == cluster.face.store.version


async def test_a_watch_resumes_after_a_version_without_loss(cluster: Cluster) -> None:
    start = await write(cluster, "a", x="1")
    later = [await write(cluster, "a", x=str(number)) for number in range(2, 7)]
    async with cluster.watch(f"{MAPS}?watch=true&resourceVersion={start}") as next_event:
        seen = [(await next_event())["object"]["metadata"]["resourceVersion"] for _ in later]
        assert seen == later


async def test_a_version_beyond_the_history_is_gone(cluster: Cluster) -> None:
    start = await write(cluster, "a", x="0")
    for number in range(1, 30):
        await write(cluster, "a", x=str(number))
    async with cluster.watch(f"{MAPS}?watch=true&resourceVersion={start}") as next_event:
        event = await next_event()
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert await next_event() is None


async def test_crossing_a_selector_reads_as_added_and_deleted(cluster: Cluster) -> None:
    await write(cluster, "a", halted="no")
    async with cluster.watch(f"{MAPS}?watch=true&labelSelector=halted%3Dyes") as next_event:
        await write(cluster, "a", halted="yes")
        event = await next_event()
        assert (event["type"], event["object"]["metadata"]["labels"]) == ("ADDED", {"halted": "yes"})
        version = await write(cluster, "a", halted="no")
        event = await next_event()
        assert event["type"] == "DELETED"
        assert event["object"]["metadata"]["labels"] == {"halted": "yes"}, "the state before it left"
        assert event["object"]["metadata"]["resourceVersion"] == version


async def test_bookmarks_carry_the_version_past_what_was_not_selected(cluster: Cluster) -> None:
    start = await write(cluster, "a", x="1")
    path = (
        f"{MAPS}?watch=true&resourceVersion={start}&labelSelector=never%3Dset&allowWatchBookmarks=true&timeoutSeconds=1"
    )
    async with cluster.watch(path) as next_event:
        version = await write(cluster, "a", x="2")
        event = await next_event()
        assert (event["type"], event["object"]["kind"]) == ("BOOKMARK", "ConfigMap")
        assert int(event["object"]["metadata"]["resourceVersion"]) >= int(version)
        assert await next_event() is None


async def test_initial_events_end_with_a_marked_bookmark(cluster: Cluster) -> None:
    await write(cluster, "a", x="1")
    query = "watch=true&sendInitialEvents=true&allowWatchBookmarks=true"
    async with cluster.watch(f"{MAPS}?{query}&resourceVersionMatch=NotOlderThan") as next_event:
        assert (await next_event())["type"] == "ADDED"
        mark = await next_event()
        assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert (await cluster.call("GET", f"{MAPS}?{query}")).status == 400


async def test_a_fault_cuts_a_watch_and_closed_watches_leave_nothing(cluster: Cluster) -> None:
    cluster.faults.planned["kubernetes.watch.configmaps", True] = lambda: web.Response(status=500)
    async with cluster.watch(f"{MAPS}?watch=true") as next_event:
        await write(cluster, "a", x="1")
        assert await next_event() is None
    cluster.faults.planned.clear()
    subscribers = cluster.face.store.table(
        next(kind for kind in cluster.face.kinds if kind.plural == "configmaps")
    ).subscribers
    async with cluster.watch(f"{MAPS}?watch=true"):
        assert len(subscribers) == 1
    await until(lambda: not subscribers)
