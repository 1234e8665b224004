"""Restores: staged from a canary on, stopped, continued or undone, in part, by two people, and from marks alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine_runs import INVOKER, deployment, flag, halt, opened, restore, role, small_fleet, states
from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.approving import GOOD_FOR, Approval, ApprovalNeeded, SamePerson, same_person
from killswitch_console.halting.engine import UnknownHalt, open_engine
from killswitch_console.halting.events import ApprovalGiven, EngineEvent, SafeguardPassed
from killswitch_console.halting.foreign import ForeignHalt
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.restore_desk import NothingToRestore
from killswitch_console.halting.staging import OnFailure
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope, ScopeKind
from scripted_platform import Fault, World
from virtual_loop import now, run

GLOBAL_BY_TWO = frozenset({ScopeKind.GLOBAL})
OTHER = Invoker(os_user="second", uid=1001, host="bastion")


def two_classes() -> World:
    world = small_fleet(2)
    for name in ("b0", "b1"):
        world.add(deployment(name), agents=[name], agent_class="triage", running=3)
        world.add(role(name), agents=[name], agent_class="triage")
    return world


def restored_order(world: World) -> list[str]:
    return [str(target) for _, operation, target in world.log if operation == "restore"]


def test_one_canary_comes_first_credentials_before_processes_before_flags_then_class_by_class(tmp_path: Path) -> None:
    world = two_classes()

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            assert (await restore(engine, record)).verdict is Verdict.RESTORED

    run(main)
    order = restored_order(world)
    assert order[:3] == [role("a0"), deployment("a0"), flag("a0")], "the agent with the least at stake"
    assert order[3:6] == [role("a1"), deployment("a1"), flag("a1")]
    assert set(order[6:]) == {make(name) for make in (role, deployment) for name in ("b0", "b1")}
    for name in ("b0", "b1"):
        assert order.index(role(name)) < order.index(deployment(name))


@pytest.mark.parametrize("choice", list(OnFailure))
def test_a_failure_stops_goes_on_or_undoes_by_choice(tmp_path: Path, choice: OnFailure) -> None:
    world = two_classes()
    before = world.state()
    world.strike("restore", role("a1"), Fault.REFUSED)

    async def main() -> tuple[HaltRecord, HaltRecord]:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            back = await restore(engine, record, on_failure=choice)
            return back, await engine.record(record.header.halt_id)

    back, kept = run(main)
    assert back.verdict is Verdict.INCOMPLETE
    canary = {make("a0") for make in (deployment, role, flag)}
    restored = {t for t, state in states(back).items() if state is TargetState.RESTORED}
    assert states(kept)[role("a1")] is TargetState.FAILED
    match choice:
        case OnFailure.STOP:
            assert canary <= restored
            assert all(world.state()[make("b0")][0] == 0 for make in (deployment, role))
            assert kept.held
            assert {str(t.target) for t in kept.kept} >= {deployment("b0"), role("b1")}, "the rest is held on"
            assert kept.restored_at is None
        case OnFailure.CONTINUE:
            assert restored == set(before) - {role("a1")}
        case OnFailure.UNDO:
            assert not restored
            assert all(world.state()[target][0] == 0 for target in before)
            assert kept.held


def test_after_an_undo_everything_can_be_put_back_exactly(tmp_path: Path) -> None:
    world = two_classes()
    before = world.state()
    world.strike("restore", role("a1"), Fault.REFUSED)

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            await restore(engine, record, on_failure=OnFailure.UNDO)
            assert (await restore(engine, record)).verdict is Verdict.RESTORED

    run(main)
    assert world.state() == before


def test_a_conflict_is_set_aside_with_its_difference_and_stops_nothing(tmp_path: Path) -> None:
    world = two_classes()
    before = world.state()

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            world.thing(deployment("a0")).set(11)
            return await restore(engine, record)

    back = run(main)
    (conflict,) = [t for t in back.targets if t.state is not TargetState.RESTORED]
    assert conflict.state is TargetState.CONFLICT
    assert [(c.field, c.expected, c.found) for c in conflict.changes] == [("replicas", 0, 11)]
    after = world.state()
    assert after.pop(deployment("a0"))[0] == 11
    assert all(after[target] == before[target] for target in after)


def test_a_part_leaves_what_the_rest_needs_and_says_so(tmp_path: Path) -> None:
    world = small_fleet(2)
    world.add(role("shared"), agents=["a0", "a1"])

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            with pytest.raises(NothingToRestore):
                await restore(engine, record, only=Scope.parse("agent:nobody"))
            part = await restore(engine, record, only=Scope.parse("agent:a0"))
            assert part.verdict is Verdict.INCOMPLETE
            (left,) = [
                t for t in part.targets if t.target in (part.selected or ()) and t.state is not TargetState.RESTORED
            ]
            assert (str(left.target), left.error) == (role("shared"), "stays halted: shared with a1")
            assert (await restore(engine, record)).verdict is Verdict.RESTORED

    run(main)


class TestTwoPeople:
    def test_a_second_account_approves_and_the_same_one_cannot(self, tmp_path: Path) -> None:
        world, events = small_fleet(1), list[EngineEvent]()
        before = world.state()

        async def main() -> None:
            settings = world.settings(tmp_path, two_person=GLOBAL_BY_TWO)
            async with open_engine(settings, events.append, now) as engine:
                await engine.discover()
                record = await halt(engine)
                halt_id = record.header.halt_id
                halted = world.state()
                assert engine.takes_two(record)
                with pytest.raises(ApprovalNeeded, match="nobody approved it yet"):
                    await restore(engine, record)
                await engine.approve(halt_id, invoker=INVOKER)
                with pytest.raises(ApprovalNeeded, match="responder approved it"):
                    await restore(engine, record)
                with pytest.raises(SamePerson):
                    await engine.approve(halt_id, invoker=INVOKER)
                with pytest.raises(ApprovalNeeded):
                    await restore(engine, record, only=Scope.parse("agent:a0"))
                assert world.state() == halted
                await engine.approve(halt_id, invoker=OTHER)
                assert (await restore(engine, record)).verdict is Verdict.RESTORED
                approvals = (await engine.record(halt_id)).approvals
                assert [a.approver.os_user for a in approvals] == ["responder", "second"]
                assert all(a.used_at for a in approvals)

        run(main)
        assert world.state() == before
        assert len([e for e in events if isinstance(e, ApprovalGiven)]) == 2

    def test_one_alone_needs_a_reason_and_is_a_security_event(self, tmp_path: Path) -> None:
        world, events = small_fleet(1), list[EngineEvent]()

        async def main() -> None:
            settings = world.settings(tmp_path, two_person=GLOBAL_BY_TWO)
            async with open_engine(settings, events.append, now) as engine:
                await engine.discover()
                record = await halt(engine)
                back = await restore(engine, record, alone="nobody else is awake")
                assert back.verdict is Verdict.RESTORED

        run(main)
        (passed,) = [e for e in events if isinstance(e, SafeguardPassed)]
        assert (passed.reason, passed.invoker.person) == ("nobody else is awake", INVOKER.person)

    def test_only_the_named_scopes_take_two(self, tmp_path: Path) -> None:
        world = small_fleet(1)

        async def main() -> None:
            async with opened(world, tmp_path, two_person=GLOBAL_BY_TWO) as engine:
                record = await halt(engine, "class:refund")
                assert (await restore(engine, record)).verdict is Verdict.RESTORED

        run(main)

    def test_who_is_another_person(self) -> None:
        alice = Invoker(os_user="alice", uid=1, host="b")
        assert same_person(alice, replace(alice, tty="/dev/pts/9"))
        assert same_person(alice, Invoker(os_user="root", uid=0, host="b", sudo_user="alice"))
        assert same_person(Invoker(os_user="root", uid=0, host="b"), Invoker(os_user="toor", uid=0, host="b"))
        assert not same_person(alice, Invoker(os_user="bob", uid=2, host="b"))
        service = Invoker(os_user="killswitch", uid=9, host="b", sudo_user="alice")
        assert not same_person(service, replace(service, sudo_user="bob"))
        assert same_person(service, alice)

    def test_an_approval_is_good_once_and_for_hours(self) -> None:
        async def main() -> None:
            fresh = Approval(OTHER, now())
            assert fresh.good(now())
            assert not fresh.good(now() + GOOD_FOR + timedelta(seconds=1))
            assert not replace(fresh, used_at=now()).good(now())

        run(main)


class TestFromMarksAlone:
    @pytest.mark.parametrize("scope", ["global", "class:refund", "agent:a1"])
    def test_another_bastion_sees_and_restores_it(self, tmp_path: Path, scope: str) -> None:
        world = two_classes()
        world.thing(deployment("a0")).set_up_off()
        before = world.state()

        async def first() -> str:
            async with opened(world, tmp_path / "one") as engine:
                return (await halt(engine, scope)).header.halt_id

        async def second(halt_id: str) -> None:
            async with opened(world, tmp_path / "two", checked=False) as engine:
                with pytest.raises(UnknownHalt):
                    await engine.restore("h-never", invoker=INVOKER, reason="over")
                (found,) = await engine.foreign()
                assert (found.halt_id, found.invoker) == (halt_id, str(INVOKER))
                back = await engine.restore(halt_id, invoker=OTHER, reason="the other bastion is down")
                assert back.verdict is Verdict.RESTORED, [(str(t.target), t.error) for t in back.targets]
                assert back.header.foreign
                await asyncio.sleep(3)
                assert await engine.foreign() == ()

        halt_id = run(first)
        run(lambda: second(halt_id))
        assert world.state() == before

    def test_what_scope_it_may_have_had(self) -> None:
        def found(*agents: AgentKey) -> list[str]:
            return [str(scope) for scope in ForeignHalt("h", "x", "", (), agents).scopes]

        one, two = AgentKey("refund", "acme", "a"), AgentKey("refund", "other", "b")
        assert found(one) == ["agent:a", "class:refund", "tenant:acme", "global"]
        assert found(one, two) == ["class:refund", "global"]
        assert found(one, AgentKey("triage", "third", "c")) == ["global"]
