"""The simulated world of a drill: the fleet, what injects do to it, and the truth that no console sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from killswitch_backends.simulator.acting import AgentTruth
from killswitch_backends.simulator.configuration import ENVIRONMENT, write_configuration
from killswitch_backends.simulator.faults import FaultKind, Rule
from killswitch_backends.simulator.fleet import dice
from killswitch_backends.simulator.kubernetes import access
from killswitch_backends.simulator.server import Simulator
from killswitch_console.audit.assembling import SIMULATED_DRILL
from killswitch_console.drills.checking import fleet_of
from killswitch_console.drills.clock import DrillClock
from killswitch_console.drills.scenario import CredentialInject, FaultInject, ScaleInject, Scenario

DRILL_ENVIRONMENT: Final = SIMULATED_DRILL
"""The environment that a drill's configuration names, so that every frame and record says it."""

_REFUSALS: Final = {
    "identity": [
        ("sts", 503),
        ("kubernetes.create.selfsubjectreviews", 503),
        ("launchdarkly.get.caller-identity", 503),
    ],
    "kubernetes": [("kubernetes", 401)],
    "lambda": [("lambda", 403)],
    "iam": [("iam", 403)],
    "launchdarkly": [("launchdarkly", 401)],
}
"""What a credential outage does to which operations."""


class DrillWorld:
    """A world that is being served. Use ``serving_world``."""

    def __init__(self, scenario: Scenario, simulator: Simulator, url: str, config: Path) -> None:
        self._seed = scenario.scenario.seed
        self._simulator = simulator
        self._specs = {spec.name: spec for spec in simulator.specs}
        self.url, self.config = url, config

    def truth(self) -> dict[str, AgentTruth]:
        """What every agent really does."""
        return self._simulator.world.truth()

    def arm(self, inject: FaultInject | CredentialInject) -> Callable[[], None]:
        """Put the faults of an inject in force; what is returned lifts them."""
        faults = self._simulator.faults
        rules = [_rule(inject)] if isinstance(inject, FaultInject) else _outage(inject)
        ids = [faults.add(rule, rng=dice(self._seed, f"fault {inject.id}")) for rule in rules]

        def lift() -> None:
            for number in ids:
                faults.remove(number)

        return lift

    async def scale(self, inject: ScaleInject) -> None:
        """Scale an agent's Deployment, as somebody else would: over the cluster's API."""
        spec = self._specs[inject.agent]
        path = f"{self.url}/kubernetes/apis/apps/v1/namespaces/{spec.namespace}/deployments/{spec.name}"
        headers = {
            "Authorization": f"Bearer {access.TOKEN}",
            "Content-Type": "application/merge-patch+json",
            "User-Agent": "fleet-autopilot",
        }
        body: dict[str, Any] = {"spec": {"replicas": inject.replicas}}
        params = {"fieldManager": "fleet-autopilot"}
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.patch(path, json=body, headers=headers, params=params) as answer,
        ):
            answer.raise_for_status()


def _rule(inject: FaultInject) -> Rule:
    return Rule(
        operation=inject.operation,
        kind=inject.fault,
        after_apply=inject.after_apply,
        seconds=inject.seconds,
        status=inject.status,
        code=inject.code,
        message=inject.message,
        retry_after=inject.retry_after,
        probability=inject.probability,
        count=inject.count,
    )


def _outage(inject: CredentialInject) -> list[Rule]:
    return [
        Rule(operation=operation, kind=FaultKind.ERROR, status=status)
        for operation, status in _REFUSALS[inject.platform]
    ]


@asynccontextmanager
async def serving_world(scenario: Scenario, clock: DrillClock, folder: Path) -> AsyncIterator[DrillWorld]:
    """Serve a scenario's world in this loop, and write the configuration that points a console at it."""
    simulator = Simulator(fleet_of(scenario), seed=scenario.scenario.seed, clock=clock)
    async with simulator.serving() as url:
        config = await asyncio.to_thread(_configure, scenario, folder / "config.toml", url)
        yield DrillWorld(scenario, simulator, url, config)


def _configure(scenario: Scenario, file: Path, url: str) -> Path:
    config = write_configuration(file, url=url)
    text = config.read_text(encoding="utf-8")
    text = text.replace(f'environment = "{ENVIRONMENT}"', f'environment = "{DRILL_ENVIRONMENT}"', 1)
    slo = scenario.slo.model_dump(by_alias=True, exclude_none=True)
    if slo:
        text += "\n[slo]\n" + "".join(f"{name} = {seconds}\n" for name, seconds in slo.items())
    config.write_text(text, encoding="utf-8")
    return config
