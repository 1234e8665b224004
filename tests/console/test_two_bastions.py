"""Two bastions on the simulator's wire protocols: one holds, the other restores by the marks; nobody fights."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from test_other_bastion import other_bastion

from crashing import settings
from killswitch_console.authority.invoker import Invoker, current_invoker
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.events import EngineEvent, HoldChanged, Reasserted, Revived
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from simulated import eventually, running
from worldview import difference, worldview


async def test_a_hold_lets_another_bastion_restore_on_every_platform() -> None:
    events: list[EngineEvent] = []
    other = Invoker(os_user="bob", uid=2000, host="bastion-b")
    async with (
        running(agents=4, seed=1) as sim,
        open_engine(settings(sim.config_path), events.append) as here,
    ):
        before = await asyncio.to_thread(worldview, sim)
        await here.discover()
        plan = await here.plan(Scope.parse("global"))
        assert {t.target.backend.kind for t in plan.targets} == {"kubernetes", "lambda", "iam", "launchdarkly"}
        holding = asyncio.create_task(here.hold())
        record = await here.halt(plan, invoker=current_invoker(), reason="test", accept_collateral=True)
        assert record.verdict is Verdict.STOPPED
        await eventually(lambda: any(isinstance(e, HoldChanged) and e.holding for e in events))
        async with open_engine(settings(other_bastion(sim))) as there:
            await there.discover()
            await eventually(lambda: not unmarked(there, record), within=20)
            back = await there.restore(record.header.halt_id, invoker=other, reason="over")
        assert (back.verdict, back.warnings) == (Verdict.RESTORED, ())
        await eventually(lambda: ended(events), within=30)
        holding.cancel()
        with suppress(asyncio.CancelledError):
            await holding
        known = await here.record(record.header.halt_id)
        assert {t.state for t in known.targets} == {TargetState.RESTORED}
        assert all("bob@bastion-b" in t.note for t in known.targets)
        assert not [e for e in events if isinstance(e, Revived | Reasserted)]
        assert not difference(before, await asyncio.to_thread(worldview, sim))


def unmarked(engine: Engine, record: HaltRecord) -> list[str]:
    """Targets of a halt whose mark the engine's fleet does not show (yet)."""
    marked = {seen.target for seen in engine.fleet.marked()}
    return [str(t.target) for t in record.targets if t.target not in marked]


def ended(events: list[EngineEvent]) -> bool:
    changes = [e for e in events if isinstance(e, HoldChanged)]
    return bool(changes) and not changes[-1].holding
