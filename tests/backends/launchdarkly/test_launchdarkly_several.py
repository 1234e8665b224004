"""Several environments and projects at once: a halt in one touches nothing of the others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from flag_fleets import flag_agents, flags_only
from killswitch_backends.protocol import Backend, Sight
from killswitch_backends.simulator.launchdarkly import sdk_key
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from launchdarkly_backend import captured, halted, observing, opened, order, these
from launchdarkly_simulated import Simulated, agent, serving, until
from simulated import Simulated as World
from simulated import running

FLAG = "agent-refund-1"
ENVIRONMENTS = ("production", "staging")


@pytest.fixture
async def simulated() -> AsyncIterator[Simulated]:
    async with serving([agent(1)], environments=ENVIRONMENTS) as served:
        yield served


def staging(simulated: Simulated) -> AbstractAsyncContextManager[Backend]:
    secrets = {"env:STAGING_KEY": sdk_key("staging")}
    return opened(simulated, secrets, environment="staging", sdk_key="env:STAGING_KEY")


async def targeting(simulated: Simulated, environment: str) -> Any:
    path = f"/api/v2/flags/agents/{FLAG}?env=production&env=staging"
    return (await simulated.call("GET", path))[1]["environments"][environment]


async def test_a_halt_in_one_environment_leaves_the_other_as_it_is(simulated: Simulated) -> None:
    before = await targeting(simulated, "staging")
    async with opened(simulated) as production, staging(simulated) as other:
        watch, beside = await halted(production, FLAG), await captured(other, FLAG)
        assert (beside.prior["on"], beside.marked_by) == (True, None)
        assert await targeting(simulated, "staging") == before
        async with observing(production, these(watch)) as seen, observing(other, these()):
            await until(lambda: bool(seen) and seen[-1].sight is Sight.STOPPED)
            await until(lambda: other._observer.status().valid)  # type: ignore[attr-defined]
            assert other._observer.served(FLAG).on  # type: ignore[attr-defined]


async def test_two_halts_of_one_flag_are_put_back_each_on_its_own(simulated: Simulated) -> None:
    before = [await targeting(simulated, name) for name in ENVIRONMENTS]
    async with opened(simulated) as production, staging(simulated) as other:
        first, second = await halted(production, FLAG, "H1"), await halted(other, FLAG, "H2")
        await production.restore(first, order("H1"))
        assert (await targeting(simulated, "production"))["on"]
        assert not (await targeting(simulated, "staging"))["on"]
        assert (await captured(other, FLAG)).marked_by == "H2"
        await other.restore(second, order("H2"))
    after = [await targeting(simulated, name) for name in ENVIRONMENTS]
    for old, new in zip(before, after, strict=True):
        assert {k: v for k, v in new.items() if k not in ("version", "lastModified")} == {
            k: v for k, v in old.items() if k not in ("version", "lastModified")
        }


async def test_what_somebody_does_in_the_other_environment_is_no_conflict(simulated: Simulated) -> None:
    async with opened(simulated) as production:
        watch = await halted(production, FLAG)
        for kind in ("turnFlagOff", "turnFlagOn", "turnFlagOff"):
            await simulated.patch(FLAG, {"kind": kind}, environment="staging")
        await production.restore(watch, order())
    assert not (await targeting(simulated, "staging"))["on"]


async def test_an_agent_with_flags_in_two_projects_is_halted_in_both_and_put_back_in_both() -> None:
    specs = flag_agents(1, tick=0.2)
    async with running(specs=specs) as one, running(specs=specs) as two:
        config = flags_only(one, more=second_table(two))
        async with open_engine(engine_settings(load_configuration(config))) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("agent:refund-0"))
            record = await engine.halt(plan, invoker=current_invoker(), reason="two projects")
            assert {str(t.target): t.state for t in record.targets} == {
                "launchdarkly:sim/refund-0-enabled": TargetState.STOPPED,
                "launchdarkly:two/refund-0-enabled": TargetState.STOPPED,
            }
            restored = await engine.restore(record.header.halt_id, invoker=current_invoker(), reason="over")
            assert restored.verdict is Verdict.RESTORED
        await one.all_acting()
        await two.all_acting()


def second_table(sim: World) -> str:
    """The other simulator's table under another name."""
    text = flags_only(sim).read_text()
    return text[text.index("[[launchdarkly]]") :].replace('name = "sim"', 'name = "two"')
