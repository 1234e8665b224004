"""The backend on the whole simulator, opened from the configuration that the simulator writes, with its fault rules."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flag_fleets import flag_agents
from killswitch_backends.launchdarkly import KIND
from killswitch_backends.problems import Throttled, Unreachable
from killswitch_backends.protocol import Backend, LabelKeys, Sight, Surroundings, Watch
from killswitch_backends.simulator.launchdarkly import LaunchDarklyFace
from killswitch_backends.simulator.server import Simulator
from killswitch_inventory.sightings import ListingComplete, TargetSighting
from killswitch_inventory.targets import BackendRef, TargetId
from launchdarkly_backend import observing, order, sighting, these
from launchdarkly_simulated import until
from simulated import Simulated, running

SECRETS = ("token", "sdk_key", "reports_token")


@asynccontextmanager
async def configured(simulated: Simulated) -> AsyncIterator[Backend]:
    """The backend of the configuration's own table."""
    [table] = tomllib.loads(simulated.config_path.read_text())["launchdarkly"]
    files = {table[name]: Path(table[name].removeprefix("file:")) for name in SECRETS}
    known = {reference: file.read_text().strip() for reference, file in files.items()}

    async def secret(reference: str) -> str:
        return known[reference]

    surroundings = Surroundings("simulator", LabelKeys(), secret, lambda: datetime.now(UTC))
    async with KIND.open(KIND.settings(**table), surroundings) as backend:
        yield backend


def served(world: Simulator, flag: str) -> bool:
    """What the simulated agents themselves are served for a flag."""
    [face] = [face for face in world.faces if isinstance(face, LaunchDarklyFace)]
    return face.capability.evaluate(flag)[0]


async def halted(backend: Backend, flag: str) -> Watch:
    wanted = [TargetId(BackendRef("launchdarkly", backend.ref.name), flag)]
    [before] = [item async for item in backend.capture(wanted, fresh=True)]
    return Watch(before, await backend.halt(before, order()))  # type: ignore[arg-type]


async def test_every_agents_flag_is_sighted_and_a_halted_one_is_served_off_to_its_agent() -> None:
    async with running(agents=6, seed=5) as simulated, configured(simulated) as backend, sighting(backend) as seen:
        await until(lambda: any(isinstance(item, ListingComplete) for item in seen))
        flags = {item.target.path: item for item in seen if isinstance(item, TargetSighting)}
        for spec in simulated.specs:
            if spec.flag is not None:
                claim = flags[spec.flag].claims[0]
                assert (claim.agent, claim.agent_class, claim.tenant) == (spec.name, spec.agent_class, spec.tenant)
        flag = next(spec.flag for spec in simulated.specs if spec.flag is not None)
        watch = await halted(backend, flag)
        async with observing(backend, these(watch)) as observations:
            await until(lambda: bool(observations) and observations[-1].sight is Sight.STOPPED)
        assert simulated.inside(lambda world: served(world, flag)) is False
        await backend.restore(watch, order())


async def test_the_list_of_agents_that_have_not_seen_a_change_shrinks_live() -> None:
    """The flag is asked at the start of a task only, so agents in mid-task are behind for a while."""
    specs = [replace(spec, flag="shared", tick=0.3, ticks_per_task=3) for spec in flag_agents(6, silent=2)]
    async with running(specs=specs) as simulated, configured(simulated) as backend:
        await simulated.all_acting()
        watch = await halted(backend, "shared")
        async with observing(backend, these(watch)) as observations:
            told = await until(lambda: observations and observations[-1].reports)
            await until(lambda: len(observations[-1].reports.current) == 4)
        behind = [len(seen.reports.behind) for seen in observations if seen.reports and not seen.reports.problem]
        assert behind == sorted(behind, reverse=True)
        assert behind[0] > 0
        assert behind[-1] == 0
        assert told is not None
        last = observations[-1].reports
        assert last.silent(spec.name for spec in specs) == ("refund-4", "refund-5")
        versions = {entry["flag_version"] for entry in simulated.truth().values()}
        assert versions == {watch.accepted.halted["version"]}
        await backend.restore(watch, order())


async def test_the_simulators_fault_rules_strike_as_typed_problems() -> None:
    async with running(agents=4, seed=6) as simulated, configured(simulated) as backend:
        flag = next(spec.flag for spec in simulated.specs if spec.flag is not None)
        simulated.faults.add(operation="launchdarkly.patch", kind="throttle", count=1, retry_after=1)
        with pytest.raises(Throttled) as caught:
            await halted(backend, flag)
        assert caught.value.retry_after == pytest.approx(1, abs=0.1)
        simulated.faults.add(operation="launchdarkly.patch", kind="reset-after-apply", count=1)
        with pytest.raises(Unreachable):
            await halted(backend, flag)
        watch = await halted(backend, flag)
        assert watch.captured.prior["on"] is True
        await backend.restore(watch, order())
