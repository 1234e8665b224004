"""The agents' helper on a real SDK client and a served board, and the reader on the other side."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from agent_board import TOKEN, Served, serving_board
from killswitch_backends.agent_reports.helper import FlagReporter, ask
from killswitch_backends.agent_reports.reader import Reader
from killswitch_backends.protocol import AgentReports
from killswitch_backends.simulator.launchdarkly import SDK_KEY
from launchdarkly_simulated import agent, serving, until

FLAG = "agent-refund-1"


async def token() -> str:
    return TOKEN


@asynccontextmanager
async def following(uri: str, secret: Callable[[], Awaitable[str]] = token) -> AsyncIterator[tuple[Reader, set[Any]]]:
    reader, changed = Reader(uri, secret), set[Any]()
    task = asyncio.create_task(reader.follow(changed.add))
    try:
        yield reader, changed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_the_helper_needs_the_standard_library_only() -> None:
    code = (
        "import sys, importlib.util as u; before = set(sys.modules);"
        f"s = u.spec_from_file_location('helper', {FlagReporter.__init__.__code__.co_filename!r});"
        "m = u.module_from_spec(s); s.loader.exec_module(m);"
        "print(sorted({n.partition('.')[0] for n in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    assert subprocess.check_output([sys.executable, "-I", "-c", code], text=True).strip() == "[]"


async def test_an_agent_that_asks_with_a_real_client_is_seen_to_catch_up() -> None:
    from ldclient import Config, Context, LDClient

    async with serving([agent(1)]) as simulated, serving_board() as board, following(board.uri) as (reader, _):
        uri = simulated.uri
        config = Config(SDK_KEY, base_uri=uri, stream_uri=uri, events_uri=uri, send_events=False)
        client = await asyncio.to_thread(LDClient, config, 5)
        reporter = FlagReporter(board.uri, agent="refund-1", instance="pod-1", token=TOKEN)
        context = Context.create("refund-1")
        try:
            assert await asyncio.to_thread(ask, client, FLAG, context, False, reporter) is True
            await until(lambda: reader.reports(FLAG, 2).behind == ("refund-1/pod-1",))
            await simulated.patch(FLAG, {"kind": "turnFlagOff"})
            await until(lambda: ask(client, FLAG, context, True, reporter) is False)
            await until(lambda: reader.reports(FLAG, 2).current == ("refund-1/pod-1",))
            assert reader.reports(FLAG, 3).behind == ("refund-1/pod-1",)
            await until(lambda: reader.defaults(FLAG) == {"refund-1/pod-1": True}, what="the default of the last ask")
        finally:
            await asyncio.to_thread(reporter.close)
            await asyncio.to_thread(client.close)
        await until(lambda: reader.reports(FLAG, 2) == AgentReports(ended=("refund-1/pod-1",)))


async def test_a_client_without_data_reports_nothing() -> None:
    from ldclient import Config, Context, LDClient

    async with serving_board() as board:
        client = LDClient(Config("sdk-key", offline=True))
        reporter = FlagReporter(board.uri, agent="refund-1", token=TOKEN)
        assert ask(client, FLAG, Context.create("a"), "default", reporter) == "default"
        await asyncio.to_thread(reporter.close)
        await asyncio.to_thread(client.close)
        assert board.board.since(0) == []


async def test_a_board_that_is_down_costs_an_agent_nothing_and_is_told_when_it_is_back() -> None:
    async with serving_board() as board:
        pass
    reporter = FlagReporter(board.uri, agent="refund-1", instance="1", token=TOKEN)
    reporter.saw(FLAG, 4)
    await until(lambda: bool(reporter.problem))
    assert TOKEN not in reporter.problem
    async with serving_board(board.port) as again:
        await until(lambda: [r.flags for r in again.board.since(0)] == [{FLAG: 4}])
        await asyncio.to_thread(reporter.close)


async def test_a_reader_says_when_it_cannot_read_and_starts_over_with_a_new_board() -> None:
    async with serving_board() as first:
        first.board.put("a", "1", {FLAG: 1})
        reader = Reader(first.uri, token)
        changed: list[str | None] = []
        task = asyncio.create_task(reader.follow(changed.append))
        await until(lambda: reader.reports(FLAG, 1) == AgentReports(current=("a/1",)))
    await until(lambda: "cannot be read" in reader.problem)
    assert reader.reports(FLAG, 1).current == ("a/1",), "what was known stays, and its age is said"
    async with serving_board(first.port) as second:
        second.board.put("b", "2", {FLAG: 1})
        await until(lambda: reader.reports(FLAG, 1) == AgentReports(current=("b/2",)))
        await restarted(second, reader)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert FLAG in changed


async def restarted(board: Served, reader: Reader) -> None:
    """An instance that evaluates another flag instead is no longer listed with the first."""
    board.board.put("b", "2", {"other": 1})
    await until(lambda: reader.reports(FLAG, 1) == AgentReports())


async def test_a_wrong_token_is_said_without_it() -> None:
    async def wrong() -> str:
        return "wrong-token"

    async with serving_board() as board, following(board.uri, wrong) as (reader, _):
        await until(lambda: "answered 401" in reader.problem)
        assert "wrong-token" not in reader.problem


def test_agents_without_the_helper_are_named() -> None:
    reports = AgentReports(current=("a/1",), behind=("a/2",), lost=("b/1",), ended=("c/1",))
    assert reports.silent(["a", "b", "c", "d"]) == ("d",)
