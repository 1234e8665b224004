"""While a halt is held: revivals, fights, newcomers, other bastions' halts and second persons, as a person sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from console.tui.driving import ALICE, Driven
from console.tui.picturing import Pictures, pictures
from console.tui.still import NOW, record, still_console
from console.tui.test_pictures import stopped
from killswitch_backends.protocol import Evidence, Grade
from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.approving import Approval
from killswitch_console.halting.events import (
    Adopted,
    ApprovalGiven,
    Fight,
    HoldChanged,
    OpenHalts,
    Reasserted,
    Revived,
    TargetsMoved,
)
from killswitch_console.halting.foreign import ForeignHalt
from killswitch_console.halting.plan import Untouched
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_console.tui.app import ConsoleApp
from killswitch_console.tui.screens.restore import RestoreScreen
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import ScopeKind

BY = "field manager hpa-controller, replicas 0 -> 3"


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Pictures:
    return pictures(request)


def held() -> HaltRecord:
    return record("class:billing", stopped, begun=timedelta(minutes=20), ended=True)


def revived(target: TargetProgress, *, times: int = 1, ago: float = 5.0, fighting: bool = False) -> TargetProgress:
    return replace(
        target,
        state=TargetState.REVIVED,
        evidence=Evidence(Grade.NONE, BY, NOW),
        running=3,
        revivals=times,
        revived_at=NOW - timedelta(seconds=ago),
        revived_by=BY,
        fighting=fighting,
    )


def again(target: TargetProgress, proven: TargetProgress) -> TargetProgress:
    """Halted again and proven stopped after its revival."""
    assert target.revived_at is not None
    reasserted = target.revived_at + timedelta(seconds=0.21)
    return replace(
        target, state=TargetState.STOPPED, evidence=proven.evidence, reasserted_at=reasserted, running=0, fighting=False
    )


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What pops up on any screen (Textual's pilot shows no pop-ups)."""
    said: list[str] = []
    monkeypatch.setattr(ConsoleApp, "notify", lambda _, text, **__: said.append(text))
    return said


async def look_at(driven: Driven) -> HaltRecord:
    halt = held()
    driven.app.open_halt(halt.header.halt_id, halt.header.scope)
    await driven.sees("STOPPED", "SLO met")
    return halt


def put_revival(driven: Driven, halt_id: str, target: TargetProgress) -> None:
    assert target.revived_at is not None
    driven.app.inbox.put(Revived(halt_id, target.target, target.revived_at, target.revived_by, target.revivals))
    driven.app.inbox.put(TargetsMoved(halt_id, (target,)))


async def test_a_revival_is_on_top_takes_the_verdict_away_and_gives_it_back(
    check: Pictures, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rings: list[int] = []
    async with still_console(size=(120, 40), records=[held()]) as driven:
        monkeypatch.setattr(driven.app, "bell", lambda: rings.append(1))
        halt = await look_at(driven)
        halt_id, (first, second, *_) = halt.header.halt_id, halt.targets
        driven.app.inbox.put(HoldChanged(halt_id, holding=True))
        back, other = revived(first), revived(second)
        put_revival(driven, halt_id, back)
        put_revival(driven, halt_id, other)
        driven.app.inbox.put(Reasserted(halt_id, other.target, NOW, 0.21))
        driven.app.inbox.put(TargetsMoved(halt_id, (again(other, second),)))
        await driven.sees("▲ REVIVED", "REVIVED once", "INCOMPLETE", "not halted again yet", "hpa-controller")
        await driven.sees("Revived, and proven stopped again: 1", "halted again after 0.21")
        assert rings == [1]
        live = driven.state.book.get(halt_id)
        assert live is not None
        assert live.verdict is Verdict.INCOMPLETE
        assert [text.partition(":")[0] for text in told] == [f"REVIVED by {BY}"] * 2
        assert await check.everywhere(driven, "halt-revived") == []
        driven.app.inbox.put(TargetsMoved(halt_id, (again(back, first),)))
        await driven.sees("■ STOPPED", "Revived, and proven stopped again: 2", "2 targets, proven stopped again")
        await driven.press("1")
        await driven.sees("▲ REVIVED: 2 targets")


async def test_a_fight_asks_for_a_human_on_every_screen(told: list[str]) -> None:
    async with still_console(size=(120, 40), records=[held()]) as driven:
        halt = await look_at(driven)
        halt_id, first = halt.header.halt_id, halt.targets[0]
        driven.app.inbox.put(Fight(halt_id, first.target, 6, 300.0, BY))
        driven.app.inbox.put(TargetsMoved(halt_id, (revived(first, times=6, fighting=True),)))
        await driven.sees("FIGHT: something revives it again and again", "REVIVED 6 times")
        assert any("was revived 6 times in 300 s" in text for text in told)
        await driven.press("2")
        await driven.sees("FIGHT, held", "▲ FIGHT over 1 target: find out what revives it")


async def test_who_appears_in_a_held_scope_is_named_and_so_is_what_the_hold_leaves(told: list[str]) -> None:
    async with still_console(size=(120, 40), records=[held()]) as driven:
        halt = await look_at(driven)
        new = AgentKey("billing", "acme", "billing-9")
        one = replace(
            halt.targets[0],
            target=replace(halt.targets[0].target, path="agents/Deployment/billing-9"),
            agents=(new,),
            adopted_at=NOW,
            stopped_at=NOW,
        )
        left = Untouched("iam:prod/role/shared", (new,), "new, but shared with research-1")
        driven.app.inbox.put(Adopted(halt.header.halt_id, (new,), (one.target,), (left,)))
        driven.app.inbox.put(TargetsMoved(halt.header.halt_id, (one,)))
        await driven.sees("+ new in the scope, halted too: billing-9", "Deployment/billing-9")
        assert told == ["NEW in class:billing: billing-9: 1 target halted too; 1 left"]
        await driven.sees("! new in the scope, and left: iam:prod/role/shared", "SLO met: 4.2 s of 60 s")


async def test_halts_of_other_bastions_are_in_the_banner_and_in_the_list(check: Pictures, told: list[str]) -> None:
    others = [
        ForeignHalt(
            f"h-20261122-02{minute}00-beef",
            "carol@bastion-2",
            f"2026-11-22T02:{minute}:00+00:00",
            tuple(t.target for t in held().targets),
            held().header.agents,
        )
        for minute in (10, 50)
    ]
    over = record("class:refund", lambda _: TargetState.RESTORED, begun=timedelta(days=2), ended=True, restored=True)
    async with still_console(size=(120, 40), records=[over]) as driven:
        driven.app.inbox.put(OpenHalts((), tuple(others)))
        await driven.sees("HELD by another bastion: h-20261122-021000-beef", "+1 more")
        driven.app.inbox.put(OpenHalts((held(),), tuple(others)))
        await driven.sees("HELD class:billing by alice")
        await driven.press("o")
        await driven.sees("other bastion's", "carol", "class:billing", "HELD class:billing by alice", "+2 more")
        assert sum("of another bastion is seen" in text for text in told) == 2
        assert await check.everywhere(driven, "halts-foreign") == []
        await driven.press("down", "enter")
        await driven.until(lambda: "known by its marks only" in told[-1])


async def test_a_restore_that_takes_two_waits_for_another_person(check: Pictures, told: list[str]) -> None:
    halt = held()
    async with still_console(size=(120, 40), records=[halt]) as driven:
        driven.state.two_person = frozenset({ScopeKind.CLASS})
        await driven.press("2", "r")
        await driven.sees("A restore of this takes two people", "Another person must agree first")
        await driven.type("false alarm")
        await driven.press("enter")
        await driven.sees("another person must agree first")
        assert isinstance(driven.app.screen, RestoreScreen)
        driven.app.inbox.put(ApprovalGiven(halt.header.halt_id, Approval(ALICE, NOW)))
        await driven.sees("You agreed: another person must restore")
        bob = Invoker(os_user="bob", uid=1001, host="bastion-1", login_user="bob")
        driven.app.inbox.put(ApprovalGiven(halt.header.halt_id, Approval(bob, NOW - timedelta(minutes=3))))
        await driven.sees("agreed: bob@bastion-1, 3 min ago")
        assert "bob@bastion-1 agreed to a restore of class:billing" in told
        assert await check.everywhere(driven, "restore-two") == []
        await driven.press("enter")
        await driven.sees("Type  billing")
