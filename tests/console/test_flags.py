"""Flags as a layer of their own, through the engine: what is proven, what agents say, collateral, nothing lost."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from flag_fleets import flag_agents, flags_only
from killswitch_backends.protocol import Grade
from killswitch_backends.simulator.launchdarkly import TOKEN, LaunchDarklyFace
from killswitch_backends.simulator.server import Simulator
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.cli.showing import print_halt
from killswitch_console.config import load_configuration
from killswitch_console.halting.document import halt_document, plan_document
from killswitch_console.halting.engine import Engine, open_engine, utc_now
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.stale import Stale, stale
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import Layer
from simulated import running


def opened(config: Path) -> AbstractAsyncContextManager[Engine]:
    return open_engine(engine_settings(load_configuration(config)))


async def halted(engine: Engine, scope: str) -> HaltRecord:
    await engine.discover()
    plan = await engine.plan(Scope.parse(scope))
    return await engine.halt(plan, invoker=current_invoker(), reason="test of flags")


def face(world: Simulator) -> LaunchDarklyFace:
    [found] = [face for face in world.faces if isinstance(face, LaunchDarklyFace)]
    return found


def slow(world: Simulator) -> None:
    """Let changes take their time to SDKs, so that there is time to read what agents report meanwhile."""
    face(world).edge.delay = (0.7, 0.7)


async def test_agents_with_a_flag_only_are_limited_and_the_record_says_what_they_say_themselves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with running(specs=flag_agents(4, tick=0.2, silent=1)) as sim, opened(flags_only(sim)) as engine:
        sim.inside(slow)
        await sim.all_acting()
        record = await halted(engine, "class:refund")
        assert record.verdict is Verdict.LIMITED
        assert all(t.evidence and t.evidence.grade is Grade.OBSERVED for t in record.targets)
        document = halt_document(record, utc_now())
        reports = {target["agents"][0]: target["reports"] for target in document["targets"]}
        assert reports["refund-3"]["silent"] == ["refund-3"]
        for name in ("refund-0", "refund-1", "refund-2"):
            said = [*reports[name]["current"], *reports[name]["behind"]]
            assert said == [f"{name}/elsewhere/{name}"], reports[name]
            assert (reports[name]["silent"], reports[name]["problem"]) == ([], "")
        assert document["stale"]["silent"] == ("refund-3",)
        print_halt(record)
        printed = capsys.readouterr().out
        assert "may hold a stale flag value until they reconnect (1):\n  refund-3" in printed
        assert {u["reason"][:20] for u in document["untouched"]} == {"only a flag stops it"}


async def test_agents_whose_processes_are_gone_hold_no_stale_value() -> None:
    async with running(agents=3, seed=4) as sim, opened(sim.config_path) as engine:
        await sim.all_acting()
        record = await halted(engine, "global")
        assert record.verdict is Verdict.STOPPED
        assert stale(record) == Stale()
        flags = [t for t in record.targets if t.layer is Layer.CAPABILITY]
        heard = {t.agents[0].name: t.reports for t in flags if t.reports}
        assert set(heard) == {spec.name for spec in sim.specs}
        assert all(reports.silent([name]) == () for name, reports in heard.items())


async def test_agents_of_a_dependent_flag_are_collateral_in_the_plan() -> None:
    def depend(world: Simulator) -> None:
        flags = face(world).flags
        flag = flags.get("refund-1-enabled")
        assert flag is not None
        needs = [{"key": "refund-0-enabled", "variation": 0}]
        flag.environments["production"].prerequisites = needs

    async with running(specs=flag_agents(2)) as sim:
        sim.inside(depend)
        async with opened(flags_only(sim)) as engine:
            await engine.discover()
            plan = plan_document(await engine.plan(Scope.parse("agent:refund-0")))
            assert plan["collateral"] == [{"target": "launchdarkly:sim/refund-0-enabled", "agents": ["refund-1"]}]
            other = plan_document(await engine.plan(Scope.parse("agent:refund-1")))
            assert other["collateral"] == []


async def test_none_of_many_flags_is_lost_to_short_windows_and_each_is_put_back() -> None:
    """150 flags at 60 changes a window of a second; 2,000 at the real window are in ``make bench ONLY=flags``."""

    def limit(world: Simulator) -> None:
        limits = face(world).limits
        limits.seconds, limits.routes["launchdarkly.patch"] = 1.0, 60

    async with running(specs=flag_agents(150, tick=5.0)) as sim, opened(flags_only(sim)) as engine:
        sim.inside(limit)
        record = await halted(engine, "class:refund")
        assert [t.target for t in record.targets if t.state is not TargetState.STOPPED] == []
        assert len(record.targets) == 150
        assert sim.inside(lambda world: sum(flag.environments["production"].on for flag in face(world).flags)) == 5
        await engine.restore(record.header.halt_id, invoker=current_invoker(), reason="false alarm")
        assert sim.inside(lambda world: sum(flag.environments["production"].on for flag in face(world).flags)) == 155


async def test_one_trigger_goes_past_a_rest_api_that_is_down_after_the_listing() -> None:
    async with running(specs=flag_agents(2)) as sim:
        url = await asyncio.to_thread(make_trigger, sim.url)
        secret = sim.tmp / "trigger-url"
        secret.write_text(url)
        more = f'trigger = {{"refund-0-enabled" = "file:{secret}"}}\n'
        async with opened(flags_only(sim, more=more)) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("agent:refund-0"))
            for operation in ("get", "patch", "list"):
                sim.faults.add(operation=f"launchdarkly.{operation}", kind="error", status=503)
            record = await engine.halt(plan, invoker=current_invoker(), reason="test of the trigger")
            assert record.verdict is Verdict.LIMITED
            [target] = record.targets
            assert target.evidence is not None
            assert "turned off by its trigger" in target.evidence.detail
            sim.faults.clear()
            restored = await engine.restore(record.header.halt_id, invoker=current_invoker(), reason="over")
            assert restored.verdict is Verdict.RESTORED
        assert url.rpartition("/")[2] not in str(halt_document(record, utc_now()))


def make_trigger(url: str) -> str:
    body = {"integrationKey": "generic-trigger", "instructions": [{"kind": "turnFlagOff"}]}
    path = f"{url}/launchdarkly/api/v2/flags/agents/refund-0-enabled/triggers/production"
    headers = {"Authorization": TOKEN, "Content-Type": "application/json"}
    request = urllib.request.Request(path, data=json.dumps(body).encode(), headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["triggerURL"])
