"""With discovery down, an engine opens on the last known fleet, says how old it is, and halts it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from killswitch_backends.simulator.seams import Runtime
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.last_known import LastKnown, Remembered
from killswitch_inventory.agents import Health, How, Instance
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.scopes import Scope
from killswitch_inventory.sightings import (
    Claim,
    HaltMark,
    ListingComplete,
    ListingStarted,
    RunsAs,
    SightingFailed,
    TargetSighting,
)
from killswitch_inventory.targets import BackendRef, Layer, TargetId
from simulated import eventually, running

EVERYTHING = Scope.parse("global")
REF = BackendRef("kubernetes", "prod")
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def test_agents_are_shown_and_halted_although_nothing_can_be_listed() -> None:
    async with running(agents=6, seed=3) as sim:
        spec = sim.spec(Runtime.KUBERNETES)
        await sim.all_acting(spec.name)
        settings = engine_settings(load_configuration(sim.config_path))
        async with open_engine(settings) as engine:
            await engine.discover()
            known = {agent.key for agent in engine.fleet.agents(EVERYTHING)}

        sim.faults.add(operation="kubernetes.list", kind="error", status=403)
        async with open_engine(settings) as engine:
            await engine.discover()
            (view,) = [view for view in engine.fleet.blind if view.ref.kind == "kubernetes"]
            assert view.sightedness == "stale"
            assert view.as_of is not None
            assert {agent.key for agent in engine.fleet.agents(EVERYTHING)} == known
            plan = await engine.plan(Scope.parse(f"agent:{spec.name}"))
            halting = asyncio.create_task(engine.halt(plan, invoker=current_invoker(), reason="runaway", timeout=20))
            await eventually(lambda: sim.truth()[spec.name]["running"] == 0, within=20)
            halting.cancel()
            await asyncio.wait([halting])


def test_what_a_listing_does_not_show_any_more_is_gone() -> None:
    ghost = TargetSighting(
        target=TargetId(REF, "default/Deployment/ghost"),
        layer=Layer.PROCESS,
        kind="Deployment",
        seen_at=AT,
        claims=(Claim(How.LABEL, "ghost", "refund", "acme"),),
    )
    fleet = Fleet(backends=[REF])
    fleet.fold(ListingStarted(REF, AT))
    assert not fleet.remember(REF, [ghost], AT).agents, "a listing under way is the better word"
    fleet.fold(SightingFailed(REF, AT, "403"))
    assert {key.name for key in fleet.remember(REF, [ghost], AT).agents} == {"ghost"}
    fleet.fold(SightingFailed(REF, AT, "403"))
    (view,) = fleet.backends
    assert (view.sightedness, view.as_of) == ("stale", AT)
    fleet.fold(ListingStarted(REF, AT))
    assert {key.name for key in fleet.fold(ListingComplete(REF, AT)).gone} == {"ghost"}
    assert fleet.agents(EVERYTHING) == []
    assert not fleet.remember(REF, [ghost], AT).agents, "what was listed is the better word"


async def test_everything_that_was_seen_is_kept(tmp_path: Path) -> None:
    target = TargetId(REF, "payments/Deployment/refund-1")
    seen = TargetSighting(
        target=target,
        layer=Layer.PROCESS,
        kind="Deployment",
        seen_at=AT,
        claims=(Claim(How.LABEL, "refund-1", "refund", "acme"),),
        identity="arn:aws:iam::1:role/x",
        runs_as=(RunsAs("arn:aws:iam::1:role/x", How.IRSA),),
        instances=(Instance("refund-1-a", Health.OK, where="node-1", target=target),),
        concurrency=2,
        health=Health.OK,
        mark=HaltMark("h-1", "alice", "2026-11-22T12:00:00Z"),
        off=True,
        facts={"replicas": "3\x1b[31m"},
    )
    last = LastKnown(tmp_path / "fleet")
    await last.keep(REF, Remembered(AT, (seen,)), stop=lambda: False)
    kept = await last.recall(REF)
    assert kept is not None
    assert kept.as_of == AT
    assert kept.sightings == (seen,)
    assert oct((tmp_path / "fleet" / "kubernetes-prod.jsonl").stat().st_mode & 0o777) == "0o600"


async def test_an_unreadable_file_is_as_good_as_none_and_a_halt_comes_first(tmp_path: Path) -> None:
    last = LastKnown(tmp_path)
    assert await last.recall(REF) is None
    await asyncio.to_thread((tmp_path / "kubernetes-prod.jsonl").write_text, "{}\n")
    assert await last.recall(REF) is None
    seen = TargetSighting(target=TargetId(REF, "a/Deployment/b"), layer=Layer.PROCESS, kind="Deployment", seen_at=AT)
    other = BackendRef("kubernetes", "other")
    await last.keep(other, Remembered(AT, (seen,)), stop=lambda: True)
    assert await last.recall(other) is None
