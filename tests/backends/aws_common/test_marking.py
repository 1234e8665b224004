"""Marks behind a halt: closing waits for those that progress, and for none that stands still."""

from __future__ import annotations

import asyncio

import pytest

from killswitch_backends.aws_common import marking as module
from killswitch_backends.aws_common.marking import marking
from killswitch_inventory.targets import TargetId

TARGETS = [TargetId.parse(f"lambda:prod/f-{number}") for number in range(5)]


async def test_closing_waits_for_marks_that_progress() -> None:
    written: list[TargetId] = []

    async def write(target: TargetId, seconds: float) -> None:
        await asyncio.sleep(seconds)
        written.append(target)

    async with marking() as marks:
        for number, target in enumerate(TARGETS):
            marks.write(target, "h", lambda target=target, number=number: write(target, number * 0.05))
    assert written == TARGETS


async def test_closing_leaves_a_mark_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALLED_SECONDS", 0.1)

    begun, given_up = asyncio.Event(), asyncio.Event()

    async def never() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    async with asyncio.timeout(5), marking() as marks:
        marks.write(TARGETS[0], "h", never)
    assert begun.is_set()
    assert given_up.is_set(), "what is not waited for is not left running either"
    assert [one.target for one in marks.unmarked()] == [TARGETS[0]]


async def test_what_carries_no_mark_is_told_until_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALLED_SECONDS", 0.1)
    written = asyncio.Event()

    async def never() -> None:
        await asyncio.Event().wait()

    async def soon() -> None:
        await written.wait()

    async with marking() as marks:
        marks.write(TARGETS[0], "h", soon)
        marks.write(TARGETS[1], "h", never)
        assert [one.target for one in marks.unmarked()] == TARGETS[:2]
        written.set()
        await marks.finish()
        (left,) = marks.unmarked()
        assert (left.target, left.halt_id) == (TARGETS[1], "h")
        assert "waited no longer" in left.why
