"""LaunchDarkly that sends nonsense: a flag that is on is never read as off, and no answer is more than a problem."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hostile.liar import Liar, Reply
from hostile.strategies import JUNK, anything, deep, examples, on_the_wire, replaced, spoilt, text
from killswitch_backends.launchdarkly import KIND
from killswitch_backends.launchdarkly.ages import ages
from killswitch_backends.launchdarkly.api import _objects
from killswitch_backends.launchdarkly.connection import Served, connect
from killswitch_backends.launchdarkly.flags import claims, read_flag
from killswitch_backends.launchdarkly.limiter import LONGEST_WAIT, WINDOW, RateLimiter
from killswitch_backends.launchdarkly.preflight import _schedule, preflights
from killswitch_backends.launchdarkly.requests import Requests, message_of
from killswitch_backends.problems import Problem, Unreachable
from killswitch_backends.protocol import LabelKeys
from killswitch_inventory.targets import BackendRef, TargetId
from launchdarkly_backend import opened

FLAG = {
    "key": "refunds",
    "tags": ["agent:refund-1"],
    "variations": [{"value": True}, {"value": False}],
    "customProperties": {
        "killswitch-halt.production": {"value": ["halt:H", "by:x", "at:now", "was:on", "version:3"]},
    },
    "environments": {"production": {"on": True, "version": 7, "offVariation": 1, "prerequisites": [{"key": "base"}]}},
}
TARGET = TargetId(BackendRef("launchdarkly", "test"), "refunds")
_ON = ("environments", "production", "on")


@examples(150)
@given(spoilt(FLAG))
@example((_ON, replaced(FLAG, _ON, "off")))
@example((_ON, replaced(FLAG, _ON, 0)))
@example(((), replaced(FLAG, ("customProperties", "killswitch-halt.production", "value", 4), "version:\u00b2")))
def test_no_nonsense_turns_a_flag_off(lie: tuple[Any, Any]) -> None:
    place, document = lie
    try:
        flag = read_flag(document, "production")
    except ValueError:
        return
    assert flag.on or (place == _ON and document["environments"]["production"]["on"] is False)
    assert all(isinstance(need, str) for need in flag.prerequisites)
    assert flag.off_variation in (None, 0, 1)
    claims(flag.tags, LabelKeys())


@examples(50)
@given(anything)
def test_what_is_no_list_is_not_an_empty_one(value: Any) -> None:
    try:
        found = _objects({"items": value}, "launchdarkly:test")
    except Unreachable:
        return
    assert found == value


@examples(50)
@given(st.one_of(anything.map(on_the_wire), text.map(lambda words: words.encode("utf-8", "replace"))))
@example(b"[" * 100_000)
@example(json.dumps({"message": "x\r\n" * 100_000}).encode())
def test_an_errors_words_are_one_short_line(content: bytes) -> None:
    words = message_of(content)
    assert len(words) <= 200
    assert "\n" not in words


ANSWERS = {
    "flag": FLAG,
    "flags": {"items": [FLAG], "totalCount": 1},
    "scheduled": {"items": [{"executionDate": 1_763_812_800_000, "instructions": [{"kind": "turnFlagOn"}]}]},
    "switches": {
        "items": [{"date": 1, "comment": "x", "subject": {"name": "ann"}, "accesses": [{"action": "updateOn"}]}]
    },
    "approvals": {"approvalSettings": {"required": True, "requiredApprovalTags": ["agent"]}},
    "identity": {"tokenId": "t", "tokenName": "n"},
}
"""What the REST API answers, by what is asked."""


@pytest.fixture(scope="module")
def flags(runner: asyncio.Runner, liar: Liar) -> Iterator[Any]:
    context = opened(cast("Any", SimpleNamespace(uri=liar.address)))
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


async def everything(backend: Any) -> list[str]:
    """All that is read of the REST API; the problems, each one line."""
    api, observer = backend._api, SimpleNamespace(start=_nothing, valid_within=_never, dependants=dict)
    records = SimpleNamespace(look_up=_one_flag)
    asking = [
        api.flag("refunds"),
        _all(api.flags()),
        _schedule("refunds", api),
        api.last_switches("refunds"),
        api.token_made_at("t"),
        ages(api),
        preflights([TARGET], api=api, observer=observer, records=records, triggers=backend._triggers),  # type: ignore[arg-type]
        api.patch("refunds", [{"kind": "turnFlagOff"}], comment="x"),
    ]
    problems = []
    for one in asking:
        try:
            await one
        except Problem as problem:
            problems.append(str(problem))
    return problems


async def _nothing() -> None: ...


async def _never(_seconds: float) -> bool:
    return False


async def _one_flag(keys: list[str], *, fresh: bool) -> dict[str, Any]:
    return dict.fromkeys(keys, read_flag(FLAG, "production"))


async def _all(flags: Any) -> list[Any]:
    return [flag async for flag in flags]


@examples(20)
@given(st.sampled_from(sorted(ANSWERS)).flatmap(lambda name: spoilt(ANSWERS[name])))
@example(((), {"items": [], "totalCount": 10**12}))
@example(((), {"items": [], "totalCount": 10**400}))
@example(((), {"items": [], "totalCount": -1}))
@example(((), {"items": [{"executionDate": 10**400, "instructions": [{"kind": "turnFlagOn"}]}]}))
@example(((), {"items": [{"instructions": 5, "accesses": [], "date": 1e308}]}))
@example(((), {"approvalSettings": [1], "items": []}))
@example(((), {"approvalSettings": {"required": 1, "requiredApprovalTags": [{}]}}))
@example(((), {"tokenId": {"a": []}, "creationDate": True}))
def test_any_answer_of_rest_is_a_value_or_a_problem(
    runner: asyncio.Runner, liar: Liar, flags: Any, lie: tuple[Any, Any]
) -> None:
    liar.answer = lambda _request, _body: Reply(on_the_wire(lie[1]))
    for said in runner.run(everything(flags)):
        assert "\n" not in said
        assert len(said) < 1_000


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_from_rest_is_a_problem(runner: asyncio.Runner, liar: Liar, flags: Any, junk: bytes) -> None:
    liar.answer = lambda _request, _body: Reply(junk)
    assert len(runner.run(everything(flags))) >= 3


HEADERS = st.one_of(st.sampled_from(["9" * 400, "\u00b2", "-1", "1e9", "nan", "Sun, 99 Nov 0000", "x" * 3_000]), text)


@examples(60)
@given(HEADERS, HEADERS, HEADERS)
@example("10", "1763812800000", "Mon, 01 Jan 0001 00:00:00 -9999")
def test_no_header_has_anybody_wait_for_long(left: str, reset: str, date: str) -> None:
    limiter = RateLimiter()
    headers = {"X-Ratelimit-Route-Remaining": left, "X-Ratelimit-Reset": reset, "Date": date, "Retry-After": left}
    limiter.learn("get", headers)
    assert 0 <= limiter.until_reset(headers) <= WINDOW
    assert 0 <= limiter._pause("get", 0) <= WINDOW
    assert 0 <= Requests._wait(cast("Any", SimpleNamespace(_limiter=limiter)), headers) <= LONGEST_WAIT


def put(flags: Any) -> bytes:
    data = json.dumps({"path": "/", "data": {"flags": flags, "segments": {}}})
    return f"event: put\ndata: {data}\n\n".encode("utf-8", "replace")


SERVED = {
    "key": "refunds",
    "version": 7,
    "on": True,
    "offVariation": 1,
    "variations": ["go", "stop"],
    "fallthrough": {"variation": 0},
    "prerequisites": [{"key": "base", "variation": 0}],
    "rules": [{"clauses": [{"attribute": "key", "op": "in", "values": ["x"]}], "variation": 0}],
    "salt": "s",
}


async def served(liar: Liar) -> Served | None:
    """What a separate client is served, once it has all that the stream said, or it said that it is junk."""
    settings = KIND.settings(
        name="test", project="p", environment="production", base_uri=liar.address, stream_uri=liar.address,
        events_uri=liar.address, token="env:TOKEN", sdk_key="env:SDK_KEY",
    )  # fmt: skip
    heard = asyncio.Event()
    connection = await connect(settings, "sdk-key", on_change=lambda _key: None, on_status=heard.set)
    try:
        async with asyncio.timeout(60):
            while connection.state() == (False, "still connecting"):
                heard.clear()
                if connection.state() == (False, "still connecting"):
                    await heard.wait()
        connection.dependants()
        return connection.served("refunds") if connection.state()[0] else None
    finally:
        await connection.close()


@examples(10)
@given(st.one_of(spoilt(SERVED), st.tuples(st.just(("key",)), anything)))
@example((("on",), SERVED | {"on": 0}))
@example((("on",), SERVED | {"on": "false"}))
@example((("offVariation",), SERVED | {"offVariation": True}))
@example((("version",), SERVED | {"version": 1e308}))
@example((("variations",), SERVED | {"variations": [deep(400), deep(400)]}))
@example((("prerequisites",), SERVED | {"prerequisites": [{"key": "refunds", "variation": 0}]}))
def test_no_nonsense_in_the_stream_serves_a_flag_off(runner: asyncio.Runner, liar: Liar, lie: tuple[Any, Any]) -> None:
    _, flag = lie
    liar.answer = lambda _request, _body: Reply(put({"refunds": flag}), headers=STREAM, stays=True)
    found = runner.run(served(liar))
    off = isinstance(flag, dict) and any(flag.get("on") is value for value in (False, None))
    assert found is None or not found.off_served or off  # absent: every SDK, an agent's too, takes that for off
    assert found is None or len(str(found.value)[:40]) <= 40


STREAM = {"Content-Type": "text/event-stream"}


@pytest.mark.parametrize(
    "stream",
    [
        *JUNK[:10],
        b"event: put\ndata: {}\n\n",
        b"event: put\ndata: " + b"[" * 100_000 + b"\n\n",
        b"event: \xff\xfe\ndata: \x00\n\n",
        b'event: patch\ndata: {"path": 5}\n\n',
        b"event: put\n" * 1_000 + b"data: " + b"x" * 1_000_000 + b"\n\n",
    ],
    ids=range(15),
)
def test_a_stream_of_junk_is_never_valid(runner: asyncio.Runner, liar: Liar, stream: bytes) -> None:
    liar.answer = lambda _request, _body: Reply(stream, headers=STREAM)
    assert runner.run(served(liar)) is None
