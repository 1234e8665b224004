"""Holding: what is revived is halted again and said so, newcomers too, by one process at a time, across a crash."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine_runs import (
    assert_honest,
    deployment,
    flag,
    halt,
    holding,
    is_held,
    of,
    opened,
    restore,
    role,
    small_fleet,
    states,
    until,
)
from killswitch_console.halting.events import (
    Adopted,
    EngineEvent,
    Fight,
    Reasserted,
    Revived,
    TargetsMoved,
)
from killswitch_console.halting.plan import Protection
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from scripted_platform import Fault, World
from virtual_loop import now, run


def test_a_revived_target_is_halted_again_and_said_so(tmp_path: Path) -> None:
    world, events = small_fleet(2), list[EngineEvent]()
    before = world.state()
    thing = world.thing(deployment("a1"))

    async def main() -> HaltRecord:
        async with holding(world, tmp_path, events) as engine:
            record = await halt(engine)
            await until(lambda: is_held(events))
            await asyncio.sleep(30)
            thing.set(5)
            await until(lambda: bool(of(Reasserted, events)))
            assert thing.replicas == 0
            (revived,) = of(Revived, events)
            assert (str(revived.target), revived.by, revived.count) == (deployment("a1"), "somebody scaled it up", 1)
            await asyncio.sleep(5)
            held = await engine.record(record.header.halt_id)
            assert held.verdict is Verdict.STOPPED
            assert held.slo_met(now()), "a revival later does not make the halt late"
            assert held.revivals == 1
            assert engine.ledger is not None
            (kept,) = await engine.ledger.revivals(record.header.halt_id)
            assert kept.reasserted_at is not None
            assert kept.reasserted_at >= kept.at
            return await restore(engine, record)

    assert run(main).verdict is Verdict.RESTORED
    assert world.state() == before, "the prior state is the one from before the halt, not that of the revival"


def test_shown_as_stopped_only_with_proof_through_a_fight_and_a_human_is_asked(tmp_path: Path) -> None:
    world, events = small_fleet(1), list[EngineEvent]()
    thing = world.thing(deployment("a0"))

    async def main() -> None:
        async with holding(world, tmp_path, events) as engine:
            record = await halt(engine)
            await until(lambda: is_held(events))
            for _ in range(20):
                thing.set(3)
                await asyncio.sleep(1.0)
            await until(lambda: thing.replicas == 0)
            await asyncio.sleep(3)
            held = await engine.record(record.header.halt_id)
            assert next(t for t in held.targets if t.target == thing.target).fighting
            assert held.verdict is Verdict.STOPPED
            await asyncio.sleep(400)
            held = await engine.record(record.header.halt_id)
            assert not any(t.fighting for t in held.targets), "after a calm while the fight is over"

    run(main)
    (fight,) = of(Fight, events)
    assert fight.count == 6
    pauses = [event.seconds for event in of(Reasserted, events)]
    assert len(pauses) >= 15
    assert max(pauses) < 1.0
    for event in of(TargetsMoved, events):
        for target in event.targets:
            if target.state is TargetState.STOPPED:
                assert target.evidence is not None
                assert world.things[target.target].running(target.evidence.at) == 0


def test_somebody_who_strips_the_mark_while_reviving_does_not_change_what_comes_back(tmp_path: Path) -> None:
    world, events = small_fleet(1), list[EngineEvent]()
    before = world.state()
    thing = world.thing(deployment("a0"))

    async def main() -> HaltRecord:
        async with holding(world, tmp_path, events) as engine:
            record = await halt(engine)
            await until(lambda: is_held(events))
            thing.carry(None)
            thing.set(9)
            await until(lambda: bool(of(Reasserted, events)))
            assert thing.replicas == 0
            return await restore(engine, record)

    assert run(main).verdict is Verdict.RESTORED
    assert world.state() == before


@pytest.mark.parametrize(("scope", "joins"), [("global", True), ("class:refund", True), ("tenant:other", False)])
def test_agents_that_appear_in_a_held_scope_are_halted_too(tmp_path: Path, scope: str, *, joins: bool) -> None:
    world, events = small_fleet(2), list[EngineEvent]()
    world.add(deployment("elsewhere"), agents=["elsewhere"], agent_class="other", tenant="other")

    async def main() -> None:
        async with holding(world, tmp_path, events) as engine:
            record = await halt(engine, scope)
            await until(lambda: is_held(events))
            world.add(deployment("new"), agents=["new"])
            world.add(role("new"), agents=["new"])
            await asyncio.sleep(10)
            held = await engine.record(record.header.halt_id)
            names = {key.name for key in held.header.newcomers}
            assert names == ({"new"} if joins else set())
            assert (world.thing(deployment("new")).replicas == 0) is joins
            assert held.verdict is Verdict.STOPPED
            assert held.slo_met(now())
            assert_honest(world, held)
            assert (await restore(engine, held)).verdict is Verdict.RESTORED
            assert world.thing(deployment("new")).replicas == 1

    run(main)
    assert bool(of(Adopted, events)) is joins


def test_a_newcomer_that_is_shared_or_protected_is_left_and_named(tmp_path: Path) -> None:
    world, events = small_fleet(1), list[EngineEvent]()
    world.add(deployment("outsider"), agents=["outsider"], agent_class="other")

    async def main() -> None:
        protection = Protection(frozenset({"vip"}))
        async with holding(world, tmp_path, events, protection=protection) as engine:
            record = await halt(engine, "class:refund")
            await until(lambda: is_held(events))
            world.add(deployment("vip"), agents=["vip"])
            shared = world.add(role("shared"), agents=["a0", "outsider"], agent_class=None, tenant=None)
            await asyncio.sleep(10)
            held = await engine.record(record.header.halt_id)
            reasons = {u.id: u.reason for u in held.header.untouched}
            assert "protected" in reasons[deployment("vip")]
            assert "outsider" in reasons[role("shared")]
            assert shared.replicas == 1
            assert world.thing(deployment("vip")).replicas == 1
            assert held.verdict is Verdict.INCOMPLETE

    run(main)


def test_what_a_partial_restore_put_back_is_held_no_more_and_the_rest_is(tmp_path: Path) -> None:
    world, events = small_fleet(3), list[EngineEvent]()
    before = world.state()

    async def main() -> None:
        async with holding(world, tmp_path, events) as engine:
            record = await halt(engine)
            await until(lambda: is_held(events))
            back = await restore(engine, record, only=Scope.parse("agent:a1"))
            assert back.verdict is Verdict.RESTORED
            for make in (deployment, role, flag):
                assert world.state()[make("a1")] == before[make("a1")]
            await until(lambda: is_held(events))
            kept = world.thing(deployment("a2"))
            kept.set(7)
            await asyncio.sleep(20)
            assert kept.replicas == 0
            assert world.state()[deployment("a1")] == before[deployment("a1")]
            held = await engine.record(record.header.halt_id)
            assert held.held
            assert held.verdict is Verdict.STOPPED, "of what is still halted"
            assert (await restore(engine, held)).verdict is Verdict.RESTORED
            assert not (await engine.record(record.header.halt_id)).held

    run(main)
    assert world.state() == before


def test_a_backend_that_goes_away_leaves_nothing_shown_as_stopped(tmp_path: Path) -> None:
    world, events = small_fleet(1), list[EngineEvent]()

    async def main() -> None:
        async with holding(world, tmp_path, events) as engine:
            record = await halt(engine)
            await until(lambda: is_held(events))
            world.strike("open", "kubernetes:prod", *[Fault.UNREACHABLE_BEFORE] * 5)
            world.close("kubernetes:prod")
            await asyncio.sleep(15)
            held = await engine.record(record.header.halt_id)
            assert states(held)[deployment("a0")] is TargetState.UNKNOWN
            await asyncio.sleep(60)
            held = await engine.record(record.header.halt_id)
            assert states(held)[deployment("a0")] is TargetState.STOPPED

    run(main)


class TestHandover:
    """One console takes over from another: an earlier proof stands until the new watch has had its time."""

    def states_seen(self, events: list[EngineEvent], target: str) -> set[TargetState]:
        return {t.state for e in of(TargetsMoved, events) for t in e.targets if str(t.target) == target}

    def held_by_another(self, world: World, tmp_path: Path, events: list[EngineEvent], faults: int) -> None:
        async def main() -> None:
            async with opened(world, tmp_path) as engine:
                await halt(engine)
            world.strike("look", deployment("a0"), *[Fault.UNREACHABLE_BEFORE] * faults)
            async with holding(world, tmp_path, events):
                await asyncio.sleep(20)

        run(main)

    def test_a_watch_that_sees_late_undoes_no_proof(self, tmp_path: Path) -> None:
        world, events = small_fleet(1), list[EngineEvent]()
        self.held_by_another(world, tmp_path, events, faults=6)
        assert self.states_seen(events, deployment("a0")) <= {TargetState.STOPPED}

    def test_a_watch_that_sees_nothing_for_long_does(self, tmp_path: Path) -> None:
        world, events = small_fleet(1), list[EngineEvent]()
        self.held_by_another(world, tmp_path, events, faults=100)
        assert TargetState.UNKNOWN in self.states_seen(events, deployment("a0"))

    def test_what_acts_counts_at_once(self, tmp_path: Path) -> None:
        world, events = small_fleet(1), list[EngineEvent]()

        async def main() -> None:
            async with opened(world, tmp_path) as engine:
                await halt(engine)
            world.thing(deployment("a0")).set(2)
            async with holding(world, tmp_path, events):
                await until(lambda: bool(of(Revived, events)), within=3)

        run(main)
        assert {str(revived.target) for revived in of(Revived, events)} == {deployment("a0")}
