"""What every screen looks like at 80x24, 120x40 and 200x60, dark and light. To renew: ``make snapshots``; then look at
what changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.tui.driving import Driven
from console.tui.picturing import Pictures, pictures
from console.tui.still import record, still_console
from killswitch_console.halting.events import HaltBegun, HaltEnded, TargetsMoved
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_inventory.sightings import TargetSighting
from killswitch_inventory.targets import Layer


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Pictures:
    return pictures(request)


def under_way(seen: TargetSighting) -> TargetState:
    """Roles are stopped, processes on their way, one refused."""
    if seen.layer is Layer.CREDENTIAL:
        return TargetState.STOPPED
    states = {"outreach-1": TargetState.STOPPED, "outreach-3": TargetState.FAILED, "outreach-4": TargetState.REQUESTED}
    return states.get(seen.claims[0].agent or "", TargetState.DRAINING)


def stopped(_: TargetSighting) -> TargetState:
    return TargetState.STOPPED


def restored(_: TargetSighting) -> TargetState:
    return TargetState.RESTORED


def partly_restored(seen: TargetSighting) -> TargetState:
    return TargetState.CONFLICT if seen.target.path.endswith("Deployment/billing-2") else TargetState.RESTORED


async def opened_under_way(driven: Driven, halt: HaltRecord) -> None:
    """Have a halt begin, and look at it."""
    driven.app.inbox.put(HaltBegun(halt))
    await driven.sees("HALTING class:outreach")
    driven.app.open_halt(halt.header.halt_id, halt.header.scope)


async def test_the_fleet(check: Pictures) -> None:
    async with still_console(size=(120, 40)) as driven:
        await driven.press("down", "right", "down", "down")
        await driven.pilot.pause(0.1)
        assert await check.everywhere(driven, "fleet") == []


async def test_the_details_of_an_agent(check: Pictures) -> None:
    async with still_console(size=(120, 40)) as driven:
        await driven.press("right", "down", "d")
        await driven.sees("Bindings 2")
        assert await check.everywhere(driven, "details") == []


async def test_a_platform_that_cannot_be_seen(check: Pictures) -> None:
    broken = "iam:prod: the security token included in the request is expired (renew it with aws sso login)"
    async with still_console(size=(120, 40), broken=broken) as driven:
        assert await check.everywhere(driven, "fleet-blind") == []


async def test_the_plan(check: Pictures) -> None:
    async with still_console(size=(120, 40)) as driven:
        await driven.press("down", "H")
        await driven.sees("Plan: halt class:outreach", "7 calls")
        await driven.type("wrong refunds since 02:50")
        assert await check.everywhere(driven, "plan") == []


async def test_the_confirmation_of_a_class(check: Pictures) -> None:
    async with still_console(size=(120, 40)) as driven:
        await driven.press("down", "H")
        await driven.sees("Plan: halt class:outreach", "7 calls")
        await driven.type("wrong refunds since 02:50")
        await driven.press("enter")
        await driven.sees("Type  outreach", "Cancel")
        assert await check.everywhere(driven, "confirm-class") == []


async def test_the_confirmation_of_an_agent(check: Pictures) -> None:
    async with still_console(size=(120, 40)) as driven:
        await driven.press("right", "down", "H")
        await driven.sees("Plan: halt agent:billing-1", "2 calls")
        await driven.type("wrong refunds since 02:50")
        await driven.press("enter")
        await driven.sees("Press y", "Cancel")
        assert await check.everywhere(driven, "confirm-agent") == []


async def test_a_halt_under_way(check: Pictures) -> None:
    halt = record("class:outreach", under_way, begun=timedelta(seconds=12.3), ended=False)
    async with still_console(size=(120, 40)) as driven:
        await opened_under_way(driven, halt)
        driven.app.inbox.put(TargetsMoved(halt.header.halt_id, halt.targets))
        await driven.sees("Not stopped yet", "Esc Back")
        assert await check.everywhere(driven, "halt-under-way") == []


async def test_a_halt_that_overruns(check: Pictures) -> None:
    halt = record("class:outreach", under_way, begun=timedelta(seconds=72), ended=False)
    async with still_console(size=(120, 40)) as driven:
        driven.app.inbox.put(HaltBegun(halt))
        await driven.sees("HALTING class:outreach")
        driven.app.open_halt(halt.header.halt_id, halt.header.scope)
        await driven.sees("OVER by 12 s of 60 s", "Esc Back")
        assert await check.everywhere(driven, "halt-overrun") == []


async def test_a_halt_that_ended(check: Pictures) -> None:
    halt = record("class:billing", stopped, begun=timedelta(seconds=40), ended=True)
    async with still_console(size=(120, 40)) as driven:
        driven.app.open_halt(halt.header.halt_id, halt.header.scope)
        driven.app.inbox.put(HaltBegun(halt))
        driven.app.inbox.put(HaltEnded(halt))
        await driven.sees("STOPPED", "SLO met", "r Restore")
        assert await check.everywhere(driven, "halt-ended") == []


async def test_the_halts(check: Pictures) -> None:
    records = [
        record("class:refund", restored, begun=timedelta(days=2), ended=True, restored=True, reason="drill"),
        record("class:billing", partly_restored, begun=timedelta(hours=5), ended=True, restored=True),
        record("agent:research-1", stopped, begun=timedelta(minutes=50), ended=True, reason="loops on one ticket"),
        record("class:outreach", under_way, begun=timedelta(minutes=12), ended=True),
    ]
    async with still_console(size=(120, 40), records=records) as driven:
        await driven.press("2")
        await driven.sees("class:outreach", "research-1", "r Restore")
        assert await check.everywhere(driven, "halts") == []


async def test_a_restore_that_met_a_change(check: Pictures) -> None:
    halt = record("class:billing", partly_restored, begun=timedelta(hours=5), ended=True, restored=True)
    async with still_console(size=(120, 40), records=[halt]) as driven:
        await driven.press("2", "enter")
        await driven.sees("conflict", "restored", "r Restore")
        assert await check.everywhere(driven, "restore-conflict") == []


async def test_what_a_restore_would_do(check: Pictures) -> None:
    halt = record("class:billing", stopped, begun=timedelta(minutes=50), ended=True)
    async with still_console(size=(120, 40), records=[halt]) as driven:
        await driven.press("2", "r")
        await driven.sees("Restore class:billing", "back to replicas", "^n Continue")
        assert await check.everywhere(driven, "restore") == []


async def test_the_help(check: Pictures) -> None:
    async with still_console(size=(120, 40)) as driven:
        await driven.press("question_mark")
        await driven.sees("Everywhere")
        assert await check.everywhere(driven, "help") == []


async def test_a_filter_and_marks(check: Pictures) -> None:
    async with still_console(size=(120, 40)) as driven:
        await driven.press("l", "j", "space", "space", "slash")
        await driven.type("tenant:acme !class:research")
        await driven.sees("3 of 12 agents", "* 2 marked")
        assert await check.everywhere(driven, "fleet-filtered") == []


async def test_the_palette(check: Pictures) -> None:
    async with still_console(size=(120, 40)) as driven:
        await driven.press("colon")
        await driven.type("halt out")
        await driven.sees("halt class:outreach")
        assert await check.everywhere(driven, "palette") == []


async def test_forcing_laggards(check: Pictures) -> None:
    halt = record("class:outreach", under_way, begun=timedelta(seconds=30), ended=False)
    async with still_console(size=(120, 40)) as driven:
        await opened_under_way(driven, halt)
        await driven.sees("f Force")
        await driven.press("f")
        await driven.sees("without grace?", "Type  outreach")
        assert await check.everywhere(driven, "force") == []


async def test_the_log(check: Pictures) -> None:
    halt = record("class:outreach", under_way, begun=timedelta(seconds=70), ended=False)
    async with still_console(size=(120, 40)) as driven:
        driven.app.inbox.put(HaltBegun(halt))
        await driven.sees("HALTING class:outreach")
        await driven.press("7")
        await driven.sees("SLO of class:outreach is overrun")
        driven.app.tell("iam:prod answers slowly; asking less often", wrong=True)
        driven.app.freshen()
        driven.app.clear_notifications()
        assert await check.everywhere(driven, "log") == []


async def test_a_drill_that_may_only_be_looked_at(check: Pictures) -> None:
    async with still_console(size=(120, 40)) as driven:
        driven.state.drill = driven.state.read_only = True
        driven.state.environment = "drill"
        driven.app.freshen()
        driven.app.screen.refresh_bindings()
        await driven.sees("DRILL", "read-only")
        assert await check.everywhere(driven, "fleet-drill") == []
