"""Escalation: a laggard with a long grace is ended without it, while the halt's own run goes on and proves it."""

from __future__ import annotations

import asyncio
import contextlib

from engine_runs import INVOKER
from killswitch_backends.protocol import Profile
from killswitch_console.assembling import engine_settings
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.escalating import laggards
from killswitch_console.halting.refusals import UnknownHalt
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from kubernetes_table import agent
from simulated import eventually, running


async def test_a_laggard_is_ended_without_its_grace() -> None:
    """At once, however far behind the ledger's copy of the halt is."""
    specs = [agent("slow-1", replicas=2, grace=300.0, role=None)]
    async with running(specs=specs) as sim, open_engine(engine_settings(load_configuration(sim.config_path))) as engine:
        await engine.discover()
        plan = await engine.plan(Scope.parse("agent:slow-1"), Profile.GRACEFUL)
        halting = asyncio.create_task(engine.halt(plan, invoker=INVOKER, reason="drill", halt_id="h-slow"))

        async def lagging() -> bool:
            with contextlib.suppress(UnknownHalt):
                return len(laggards(await engine.record("h-slow"))) == 1
            return False

        async with asyncio.timeout(15):
            while not await lagging():  # noqa: ASYNC110  (the run tells its faces, and this is none)
                await asyncio.sleep(0.05)
        assert sim.truth()["slow-1"]["running"] == 2
        (escalated,) = await engine.escalate("h-slow", invoker=INVOKER)
        assert not escalated.problem
        assert "within 1 s" in escalated.detail
        record = await halting
        assert record.verdict is Verdict.STOPPED
        await eventually(lambda: sim.truth()["slow-1"]["running"] == 0)
        assert not await engine.escalate("h-slow", invoker=INVOKER)
