"""Bypasses over time: told once, also over many processes, attributed when the log knows, ended when they end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine_runs import halt, opened, small_fleet
from killswitch_backends.attribution import Deed
from killswitch_console.halting.bypass_watch import ASKED_MOST, BypassWatch
from killswitch_console.halting.ledger import open_ledger
from killswitch_console.halting.recording import Unrecorded
from killswitch_inventory.agents import How
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.sightings import Claim, HaltMark, ListingComplete, TargetSighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId
from virtual_loop import run

REF = BackendRef("lambda", "prod")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Told(Unrecorded):
    """A trail that is a list."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def note(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        self.events.append((kind, str(data["target"])))


class Log:
    """A backend whose platform's log tells what it was given."""

    def __init__(self) -> None:
        self.known: dict[TargetId, Deed] = {}
        self.asked: list[list[TargetId]] = []

    async def deeds(self, targets: Sequence[TargetId]) -> Mapping[TargetId, Deed]:
        self.asked.append(list(targets))
        return {target: self.known[target] for target in targets if target in self.known}


class Scene:
    """A fleet, a clock, a log and a trail, and watches over them as processes come and go."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir, self.now, self.log, self.trail = state_dir, NOON, Log(), Told()
        self.busy = False
        self.fleet = Fleet(backends=[REF], layers={"lambda": Layer.PROCESS})
        self.fleet.fold(ListingComplete(REF, NOON))

    def see(self, name: str, *, off: bool, mark: HaltMark | None = None) -> TargetId:
        target = TargetId(REF, name)
        claim = Claim(How.TAG, agent=name, agent_class="c", tenant="t")
        self.fleet.fold(
            TargetSighting(
                target=target, layer=Layer.PROCESS, kind="function", seen_at=NOON, claims=(claim,), off=off, mark=mark
            )
        )
        return target

    @asynccontextmanager
    async def process(self) -> AsyncIterator[BypassWatch]:
        async with open_ledger(self.state_dir) as ledger:
            backends: Any = {REF: self.log}
            yield BypassWatch(
                fleet=self.fleet, backends=lambda: backends, ledger=ledger, recorder=self.trail,
                state_dir=self.state_dir, now=lambda: self.now, busy=lambda: self.busy,
            )  # fmt: skip


async def test_it_is_recorded_once_over_processes_again_when_attributed_and_when_it_ends(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    target = scene.see("refund", off=True)
    for _ in range(2):
        async with scene.process() as watch:
            (found,) = await watch.look()
            assert found.unknown == "nothing is logged yet"
    assert scene.trail.events == [("bypass.found", "lambda:prod/refund")]
    scene.log.known[target] = Deed(target, "PutFunctionConcurrency20171031", "arn:aws:iam::1:user/mallory", NOON)
    for _ in range(2):
        async with scene.process() as watch:
            (found,) = await watch.look()
            assert "by arn:aws:iam::1:user/mallory at 2026-11-22 12:00:00Z" in found.who
    assert scene.trail.events[1:] == [("bypass.found", "lambda:prod/refund")]
    scene.see("refund", off=False)
    async with scene.process() as watch:
        assert await watch.look() == ()
        assert await watch.look() == ()
    assert scene.trail.events[2:] == [("bypass.ended", "lambda:prod/refund")]


async def test_a_log_that_told_is_not_asked_again_and_no_look_asks_about_too_many(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    targets = [scene.see(f"f{number:02}", off=True) for number in range(ASKED_MOST + 5)]
    scene.log.known = {target: Deed(target, "Put", "arn:x", NOON) for target in targets}
    async with scene.process() as watch:
        first = await watch.look()
        assert [one.unknown for one in first if one.deed is None] == ["not looked up yet"] * 5
        assert all(one.deed is not None for one in await watch.look())
        await watch.look()
    assert [len(asked) for asked in scene.log.asked] == [ASKED_MOST, 5]


async def test_with_patience_only_what_lasts_counts(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.see("halted-elsewhere", off=True)
    scene.see("zeroed", off=True)
    async with scene.process() as watch:
        assert await watch.look(patience=90) == ()
        scene.see("halted-elsewhere", off=True, mark=HaltMark("h", "os:bob", ""))  # its mark comes late
        scene.now += timedelta(seconds=100)
        assert [one.target.path for one in await watch.look(patience=90)] == ["zeroed"]
    assert scene.trail.events == [("bypass.found", "lambda:prod/zeroed")]


async def test_while_a_halt_is_under_way_there_is_no_look(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.busy = True
    scene.see("zeroed", off=True)
    async with scene.process() as watch:
        assert await watch.look() == ()
    assert scene.log.asked == []


def test_an_engines_own_halt_explains_what_it_turned_off(tmp_path: Path) -> None:
    world = small_fleet()

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            await halt(engine)
            for thing in world.things.values():
                thing.carry(None)  # the ledger alone explains it
            assert await engine.bypasses.look() == ()

    run(main)
