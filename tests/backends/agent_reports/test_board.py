"""The board by itself, and over HTTP."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_board import TOKEN, serving_board
from killswitch_backends.agent_reports.board import FORGET_AFTER, LOST_AFTER, Board
from killswitch_backends.agent_reports.wire import InstanceState

AUTH = {"Authorization": f"Bearer {TOKEN}"}


def told(board: Board, after: int = 0) -> list[tuple[str, dict[str, int], str]]:
    return [(r.instance, r.flags, str(r.state)) for r in board.since(after)]


def test_a_repeated_report_is_no_news_and_keeps_its_instance_alive() -> None:
    now = 0.0
    board = Board(clock=lambda: now)
    board.put("a", "1", {"f": 1})
    at = board.number
    now = LOST_AFTER
    board.put("a", "1", {"f": 1})
    assert board.number == at
    now += LOST_AFTER - 1
    board.sweep()
    assert told(board) == [("1", {"f": 1}, "reporting")]


def test_silence_is_lost_and_a_word_brings_it_back() -> None:
    now = 0.0
    board = Board(clock=lambda: now)
    board.put("a", "1", {"f": 1})
    now = LOST_AFTER + 1
    board.sweep()
    assert told(board) == [("1", {"f": 1}, "lost")]
    board.put("a", "1", {"f": 1})
    assert told(board) == [("1", {"f": 1}, "reporting")]
    board.end("a", "1")
    now += FORGET_AFTER + 1
    board.sweep()
    assert told(board) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(1, 3), st.booleans())), st.data())
def test_following_from_any_moment_gives_what_reading_everything_gives(
    steps: list[tuple[str, str, int, bool]], data: st.DataObject
) -> None:
    board, known, at = Board(), {}, 0
    for agent, instance, version, ends in steps:
        if ends:
            board.end(agent, instance)
        else:
            board.put(agent, instance, {"f": version})
        if data.draw(st.booleans()):
            known |= {(r.agent, r.instance): (r.flags, r.state) for r in board.since(at)}
            at = board.number
    known |= {(r.agent, r.instance): (r.flags, r.state) for r in board.since(at)}
    assert known == {(r.agent, r.instance): (r.flags, r.state) for r in board.since(0)}


async def test_agents_and_readers_need_the_token_and_a_report_that_is_one() -> None:
    async with serving_board() as served, aiohttp.ClientSession() as http:
        one = f"{served.uri}/reports/a/1"
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            async with http.put(one, json={"flags": {"f": 1}}, headers=headers) as answer:
                assert answer.status == 401
            async with http.get(f"{served.uri}/reports", headers=headers) as answer:
                assert answer.status == 401
        for body in ({}, {"flags": {"f": "1"}}, {"flags": [1]}):
            async with http.put(one, json=body, headers=AUTH) as answer:
                assert answer.status == 400
        assert served.board.since(0) == []


async def test_a_reader_waits_for_news_and_an_unknown_epoch_gets_everything() -> None:
    async with serving_board() as served, aiohttp.ClientSession(headers=AUTH) as http:
        served.board.put("a", "1", {"f": 1})
        async with http.get(f"{served.uri}/reports?epoch=other&after=99&wait=20") as answer:
            first = await answer.json()
        assert [report["instance"] for report in first["reports"]] == ["1"]
        query = f"epoch={first['epoch']}&after={first['at']}&wait=20"
        waiting = asyncio.create_task(http.get(f"{served.uri}/reports?{query}").__aenter__())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        async with http.put(f"{served.uri}/reports/b/2", json={"flags": {"g": 7}}) as answer:
            assert answer.status == 204
        async with await waiting as answer:
            assert (await answer.json())["reports"] == [
                {"agent": "b", "instance": "2", "flags": {"g": 7}, "defaults": {}, "state": InstanceState.REPORTING}
            ]


@pytest.mark.parametrize("query", ["after=x", "wait=x"])
async def test_a_query_that_is_none_is_refused(query: str) -> None:
    async with (
        serving_board() as served,
        aiohttp.ClientSession(headers=AUTH) as http,
        http.get(f"{served.uri}/reports?{query}") as answer,
    ):
        assert answer.status == 400
