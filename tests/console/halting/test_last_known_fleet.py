"""With discovery down, an engine opens on the last known fleet, says how old it is, and halts it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

from console_command import answer, console
from killswitch_backends.simulator.seams import Runtime
from killswitch_console.halting.last_known import LastKnown, Remembered
from killswitch_inventory.agents import Health, How, Instance
from killswitch_inventory.sightings import Claim, HaltMark, RunsAs, TargetSighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId
from simulated import eventually, running

REF = BackendRef("kubernetes", "prod")
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def test_agents_are_shown_and_halted_although_nothing_can_be_listed() -> None:
    async with running(agents=6, seed=3) as sim:
        spec = sim.spec(Runtime.KUBERNETES)
        await sim.all_acting(spec.name)
        known = await answer(sim.config_path, "agents")
        folder = sim.config_path.parent / "state" / "fleet"
        await eventually(lambda: len(list(folder.glob("*.jsonl"))) == 4)

        sim.faults.add(operation="kubernetes.list", kind="error", status=503)
        sim.faults.add(operation="kubernetes.watch", kind="error", status=503)
        stale = await console(sim.config_path, "agents", "--json")
        assert stale.returncode == 4
        assert "kubernetes:sim could not be seen" in stale.stderr
        assert "showing what was known" in stale.stderr
        assert {agent["name"] for agent in json.loads(stale.stdout)} == {agent["name"] for agent in known}

        words = ("--reason", "runaway", "--confirm", "yes", "--timeout", "30")
        await console(sim.config_path, "halt", f"agent:{spec.name}", *words)
        await eventually(lambda: sim.truth()[spec.name]["running"] == 0, within=10)


async def test_what_a_listing_does_not_show_any_more_is_gone() -> None:
    async with running(agents=6, seed=3) as sim:
        folder = sim.config_path.parent / "state" / "fleet"
        seen = TargetSighting(
            target=TargetId.parse("kubernetes:sim/default/Deployment/ghost"),
            layer=Layer.PROCESS,
            kind="Deployment",
            seen_at=AT,
            claims=(Claim(How.LABEL, "ghost", "refund", "acme"),),
        )
        await LastKnown(folder).keep(BackendRef("kubernetes", "sim"), Remembered(AT, (seen,)), stop=lambda: False)
        assert "ghost" not in {agent["name"] for agent in await answer(sim.config_path, "agents")}


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
