"""The simulated SDK endpoints, with the vendor's own SDK, unmodified."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from ldclient import Config, Context, LDClient

from killswitch_backends.simulator.launchdarkly import SDK_KEY
from launchdarkly_simulated import Simulated, agent, leaks_refused_streams, serving, until

pytestmark = leaks_refused_streams

CONTEXT = Context.create("somebody")


@pytest.fixture
async def simulated() -> AsyncIterator[Simulated]:
    async with serving([agent(1), agent(2)]) as served:
        yield served


@asynccontextmanager
async def sdk(uri: str, *, key: str = SDK_KEY, stream: bool = True, events: bool = False) -> AsyncIterator[LDClient]:
    client = LDClient(
        Config(
            key,
            base_uri=uri,
            stream_uri=uri,
            events_uri=uri,
            stream=stream,
            send_events=events,
            initial_reconnect_delay=0.05,
        ),
        start_wait=0,
    )
    try:
        yield client
    finally:
        await asyncio.to_thread(close, client)


def close(client: LDClient) -> None:
    """Close a client and wait for its threads; not in the loop, which has to answer its last events."""
    client.close()
    for thread in threading.enumerate():
        if thread.name.startswith("ldclient"):
            thread.join(5)


def served(client: LDClient, flag: str) -> tuple[object, str]:
    detail = client.variation_detail(flag, CONTEXT, None)
    return detail.value, detail.reason["kind"]


async def test_the_stream_serves_all_flags_and_then_changes(simulated: Simulated) -> None:
    changes: list[str] = []
    async with sdk(simulated.uri) as client:
        await until(client.is_initialized)
        client.flag_tracker.add_listener(lambda change: changes.append(change.key))
        assert served(client, "agent-refund-1") == (True, "FALLTHROUGH")
        await simulated.patch("agent-refund-1", {"kind": "turnFlagOff"})
        await until(lambda: served(client, "agent-refund-1") == (False, "OFF"))
        assert served(client, "agent-refund-2") == (True, "FALLTHROUGH")
        assert changes == ["agent-refund-1"]
        await simulated.patch("agent-refund-1", {"kind": "turnFlagOn"})
        await until(lambda: served(client, "agent-refund-1") == (True, "FALLTHROUGH"))


async def test_agents_and_sdks_change_over_together(simulated: Simulated) -> None:
    simulated.face.edge.delay = (0.15, 0.15)
    async with sdk(simulated.uri) as client:
        await until(client.is_initialized)
        await simulated.patch("agent-refund-1", {"kind": "turnFlagOff"})
        assert simulated.face.capability.evaluate("agent-refund-1") == (True, 1)
        await until(lambda: served(client, "agent-refund-1")[1] == "OFF")
        assert simulated.face.capability.evaluate("agent-refund-1") == (False, 2)


async def test_prerequisites_and_rules_are_evaluated_by_the_sdk(simulated: Simulated) -> None:
    body = (await simulated.call("GET", "/api/v2/flags/agents/agent-refund-1"))[1]
    on, off = [variation["_id"] for variation in body["variations"]]
    clause = {"attribute": "key", "op": "in", "values": ["somebody"], "contextKind": "user"}
    await simulated.patch("agent-refund-2", {"kind": "addPrerequisite", "key": "agent-refund-1", "variationId": on})
    async with sdk(simulated.uri) as client:
        await until(client.is_initialized)
        await simulated.patch("agent-refund-1", {"kind": "addRule", "variationId": off, "clauses": [clause]})
        await until(lambda: served(client, "agent-refund-1") == (False, "RULE_MATCH"))
        await until(lambda: served(client, "agent-refund-2") == (False, "PREREQUISITE_FAILED"))
        elsewhere = client.variation("agent-refund-1", Context.create("anybody-else"), None)
        assert elsewhere is True, "the rule names one person"


async def test_a_deleted_or_archived_flag_is_taken_from_the_sdk(simulated: Simulated) -> None:
    async with sdk(simulated.uri) as client:
        await until(client.is_initialized)
        await simulated.call("DELETE", "/api/v2/flags/agents/agent-refund-1")
        await simulated.patch("agent-refund-2", {"kind": "archiveFlag"})
        await until(lambda: served(client, "agent-refund-1") == (None, "ERROR"))
        await until(lambda: served(client, "agent-refund-2") == (None, "ERROR"))
        await simulated.patch("agent-refund-2", {"kind": "restoreFlag"})
        await until(lambda: served(client, "agent-refund-2") == (True, "FALLTHROUGH"))
        assert served(client, "agent-refund-1") == (None, "ERROR"), "deleted is for good"


async def test_a_broken_stream_is_reconnected_and_catches_up(simulated: Simulated) -> None:
    async with sdk(simulated.uri) as client:
        await until(client.is_initialized)
        simulated.faults.standing["launchdarkly.stream"] = 503
        simulated.face.edge.disconnect()
        provider = client.data_source_status_provider
        await until(lambda: provider.status.state.name == "INTERRUPTED")
        await simulated.patch("agent-refund-1", {"kind": "turnFlagOff"})
        simulated.faults.standing.clear()
        await until(lambda: served(client, "agent-refund-1") == (False, "OFF"))
        await until(lambda: provider.status.state.name == "VALID")
        assert served(client, "agent-refund-2") == (True, "FALLTHROUGH")


async def test_a_frame_can_be_lost_to_a_fault(simulated: Simulated) -> None:
    async with sdk(simulated.uri) as client:
        await until(client.is_initialized)
        simulated.faults.before["launchdarkly.stream.send"] = ["reset"]
        await simulated.patch("agent-refund-1", {"kind": "turnFlagOff"})
        await until(lambda: served(client, "agent-refund-1") == (False, "OFF"))
    assert simulated.faults.seen["launchdarkly.stream"] == 2


async def test_a_wrong_sdk_key_is_refused(simulated: Simulated) -> None:
    async with sdk(simulated.uri, key="sdk-wrong") as client:
        await until(lambda: client.data_source_status_provider.status.error is not None)
        assert client.data_source_status_provider.status.error.status_code == 401
        assert not client.is_initialized()


async def test_polling_and_events_work(simulated: Simulated) -> None:
    async with sdk(simulated.uri, stream=False, events=True) as client:
        await until(client.is_initialized)
        assert served(client, "agent-refund-1") == (True, "FALLTHROUGH")
        client.flush()
        await until(lambda: simulated.faults.seen["launchdarkly.events"] >= 1)
    headers = {"Authorization": SDK_KEY}
    async with simulated.http.get(simulated.uri + "/sdk/latest-all", headers=headers) as answer:
        assert set((await answer.json())["flags"]["agent-refund-1"]) >= {"salt", "offVariation", "prerequisites"}
        headers["If-None-Match"] = answer.headers["ETag"]
    async with simulated.http.get(simulated.uri + "/sdk/latest-all", headers=headers) as answer:
        assert answer.status == 304


async def test_silence_is_broken_by_heartbeats(simulated: Simulated) -> None:
    simulated.face.sdk_endpoints.heartbeat = 0.05
    async with simulated.http.get(simulated.uri + "/all", headers={"Authorization": SDK_KEY}) as answer:
        assert answer.content_type == "text/event-stream"
        assert (await answer.content.readuntil(b"\n\n")).startswith(b"event: put\n")
        assert await answer.content.readuntil(b"\n\n") == b":\n\n"


async def test_many_streams_are_all_served() -> None:
    async with serving([agent(number) for number in range(50)]) as served_face:
        headers = {"Authorization": SDK_KEY}
        answers = [await served_face.http.get(served_face.uri + "/all", headers=headers) for _ in range(80)]
        await until(lambda: served_face.face.edge.streams == 80)
        for answer in answers:
            assert (await answer.content.readuntil(b"\n\n")).startswith(b"event: put\n")
        await served_face.patch("agent-refund-1", {"kind": "turnFlagOff"})
        async with asyncio.timeout(5):
            for answer in answers:
                assert b'"on":false' in await answer.content.readuntil(b"\n\n")
                answer.close()
        await until(lambda: served_face.face.edge.streams == 0)
