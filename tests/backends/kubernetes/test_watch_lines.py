"""What a watch sends, line by line: however it is cut into pieces, and whoever has to go first."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

import pytest

from killswitch_backends.kubernetes import lines as watched
from killswitch_backends.kubernetes.failures import Unreadable
from killswitch_backends.kubernetes.lines import lines
from killswitch_backends.kubernetes.precedence import ASIDE_SECONDS, FIRST_SECONDS, Precedence
from virtual_loop import run


class Response:
    """A body in pieces, each after a pause."""

    def __init__(self, pieces: list[bytes], pause: float = 0.0) -> None:
        self.content = self
        self._pieces, self._pause = iter(pieces), pause

    async def readany(self) -> bytes:
        await asyncio.sleep(self._pause)
        return next(self._pieces, b"")


async def nobody() -> None:
    """No turn is asked for."""


async def read(response: Any, silence: float = 30.0) -> list[Any]:
    return [value async for value in lines(response, "k", silence=silence, turn=nobody)]


@pytest.mark.parametrize("seed", range(20))
async def test_every_line_is_one_value_however_it_is_cut(seed: int) -> None:
    random = Random(seed)
    values = [{"n": n, "text": "x\u00e9\n" * random.randrange(20)} for n in range(30)]
    ends = random.choice([b"\n", b"\r\n", b"\n\n"])
    body = b"".join(json.dumps(value, ensure_ascii=False).encode() + ends for value in values)
    if random.random() < 0.5:
        body = body.rstrip()  # the last line may have no end
    cuts = sorted(random.sample(range(1, len(body)), 12))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert await read(Response(pieces)) == values


@pytest.mark.parametrize("body", [b'{"a": 1}\n{"b"', b"[" * 100_000 + b"\n", b"\xff\n", b"nothing\n"])
async def test_what_is_no_json_is_told(body: bytes) -> None:
    with pytest.raises(Unreadable, match="something unreadable"):
        await read(Response([body]))


async def test_a_line_without_an_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "MOST_BYTES", 1000)
    with pytest.raises(Unreadable, match="a line of more than"):
        await read(Response([b"x" * 400] * 4))


def test_a_line_that_trickles_in_is_given_up_after_the_silence_allowed() -> None:
    with pytest.raises(TimeoutError):
        run(lambda: read(Response([b" "] * 1000, pause=4.0), silence=30.0))
    assert run(lambda: read(Response([b"1\n"] * 100, pause=29.0), silence=30.0)) == [1] * 100


def test_changes_go_first_only_for_a_moment() -> None:
    async def waited(precedence: Precedence) -> float:
        now = asyncio.get_running_loop().time
        began = now()
        await precedence.turn()
        return now() - began

    async def story() -> None:
        precedence = Precedence()
        assert await waited(precedence) == 0
        for _ in range(2):
            with precedence.change():
                assert await waited(precedence) == pytest.approx(ASIDE_SECONDS)
                await asyncio.sleep(FIRST_SECONDS)
                assert await waited(precedence) == 0, "a watch that is not read is ended by the server"
            with precedence.change():  # part of the same burst
                assert await waited(precedence) == 0
            assert await waited(precedence) == 0
            await asyncio.sleep(5)  # the next burst

    run(story)


def test_a_proof_waits_until_the_changes_are_sent_and_no_longer() -> None:
    async def story() -> None:
        now, precedence = asyncio.get_running_loop().time, Precedence()
        await precedence.passed()
        assert now() == 0
        sent = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as group:
            group.create_task(change(precedence, sent))
            asyncio.get_running_loop().call_later(0.7, sent.set_result, None)
            await asyncio.sleep(0)
            await precedence.passed()
        assert 0.7 <= now() <= 0.7 + ASIDE_SECONDS
        await asyncio.sleep(5)
        began = now()
        with precedence.change():
            await precedence.passed()
        assert now() - began <= FIRST_SECONDS + ASIDE_SECONDS, "a change that hangs must not hold up every proof"

    async def change(precedence: Precedence, until: asyncio.Future[None]) -> None:
        with precedence.change():
            await until

    run(story)
