"""On a line that carries no more whole frames, what a person waits for is painted all the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from console.tui.driving import Driven
from console.tui.still import NOW, record, still_console, still_fleet
from killswitch_backends.protocol import Evidence, Grade
from killswitch_console.halting.events import FleetChanged, HaltBegun, Revived, TargetsMoved
from killswitch_console.halting.progress import TargetState
from killswitch_console.tui.pacing import Pace
from killswitch_console.tui.widgets.fleet_tree import FleetTree
from killswitch_inventory.agents import AgentKey, Health
from killswitch_inventory.scopes import Scope, ScopeKind

RECORD = record("class:billing", lambda _: TargetState.ACCEPTED, begun=timedelta(seconds=5), ended=False)


def tie_up(driven: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    """No whole frame from here on: the line is full, and the clock's next second does not come."""
    monkeypatch.setattr(Pace, "carries", lambda *_: False)
    for timer in driven.app._timers:
        if timer.name == "clock":
            timer.pause()


async def test_a_halts_counts_are_current_while_the_list_of_its_targets_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async with still_console(size=(100, 30)) as driven:
        driven.app.inbox.put(HaltBegun(RECORD))
        await driven.sees("HALTING class:billing")
        await driven.press("o")
        await driven.sees("0/3 stopped", "Not stopped yet: 6 of 6")
        tie_up(driven, monkeypatch)
        proof = Evidence(Grade.OBSERVED, "no pods are left on ready nodes", NOW)
        done = replace(RECORD.targets[0], state=TargetState.STOPPED, evidence=proof, stopped_at=NOW, running=0)
        driven.app.inbox.put(TargetsMoved(RECORD.header.halt_id, (done,)))
        await driven.sees("1/3 stopped")
        assert "Not stopped yet: 6 of 6" in driven.text, "the list waits for its frame"
        driven.app.freshen()
        await driven.sees("Not stopped yet: 5 of 6")


async def test_a_revival_is_painted_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    held = replace(RECORD, ended_at=NOW)
    async with still_console(size=(100, 30), records=(held,)) as driven:
        await driven.sees("HELD class:billing")
        tie_up(driven, monkeypatch)
        woken = replace(held.targets[0], state=TargetState.REVIVED, running=3, revivals=1, revived_at=NOW)
        driven.app.inbox.put(TargetsMoved(held.header.halt_id, (woken,)))
        driven.app.inbox.put(Revived(held.header.halt_id, woken.target, NOW, "hpa", 1))
        assert await driven.sees("REVIVED")


async def test_the_selected_agents_details_are_asked_for_although_the_tree_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with still_console(size=(120, 40)) as driven:
        await driven.press("l", "j")
        tree = driven.app.screen.query_one(FleetTree)
        assert isinstance(tree.node, AgentKey)
        tie_up(driven, monkeypatch)
        asked: list[AgentKey] = []
        monkeypatch.setattr(type(driven.app.screen), "_look", lambda _, key: asked.append(key))
        changed = tuple(
            replace(agent, health=Health.FAILING) for agent in still_fleet(driven.world).agents(Scope(ScopeKind.GLOBAL))
        )
        driven.app.inbox.put(FleetChanged(changed, (), driven.state.backends))
        await driven.until(lambda: asked == [tree.node])
