"""What the simulator itself knows, set against what the console claims. Asks no platform interface.

An agent that acts after the evidence, or an agent, identity or flag that is on at this very moment, makes a claim of
``stopped`` a lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from killswitch_backends.simulator.aws import AwsFace
from killswitch_backends.simulator.fleet import role_arn
from killswitch_backends.simulator.launchdarkly import LaunchDarklyFace
from killswitch_backends.simulator.server import Simulator
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_inventory.targets import Layer
from simulated import Simulated

LATE: Final = timedelta(seconds=3)


def lies(sim: Simulated, claims: Iterable[TargetProgress]) -> list[str]:
    """Claims of ``stopped`` that the simulator's truth denies, each as one line that begins with its target."""
    stopped = [claim for claim in claims if claim.state is TargetState.STOPPED]
    return sim.inside(lambda simulator: [lie for claim in stopped for lie in _lies_of(simulator, claim)])


def _lies_of(simulator: Simulator, claim: TargetProgress) -> list[str]:
    evidence = claim.evidence
    if evidence is None or not evidence.grade.proves:
        return [f"{claim.target}: stopped without evidence that proves it"]
    found = [f"{claim.target}: {still}" for still in _still_on(simulator, claim)]
    if evidence.at > datetime.now(UTC) + timedelta(seconds=1):
        found.append(f"{claim.target}: its evidence is of the future ({evidence.at})")
    if claim.layer is Layer.CAPABILITY:
        return found  # a flag keeps new tasks from starting; what was begun before may act on
    truth = simulator.world.truth()
    for key in claim.agents:
        last = truth[key.name]["last_action_at"]
        if last is not None and datetime.fromisoformat(last) > evidence.at:
            found.append(f"{claim.target}: {key.name} acted at {last}, after the proof of {evidence.at}")
    return found


def _still_on(simulator: Simulator, claim: TargetProgress) -> Sequence[str]:
    """What of the target's own layer lets its agents go on now."""
    match claim.layer:
        case Layer.PROCESS:
            return _running(simulator, claim)
        case Layer.CREDENTIAL:
            role = claim.target.path.rpartition("/")[2]
            return ["the role may call"] if _aws(simulator).credentials.allows(role_arn(role)) else []
        case Layer.CAPABILITY:
            on, version = _flags(simulator).capability.evaluate(claim.target.path)
            return [f"the flag is served on, version {version}"] if on else []


def _running(simulator: Simulator, claim: TargetProgress) -> Sequence[str]:
    """Agents with a running copy. A simulator that is busy ends what Lambda killed on time a little late."""
    proven = claim.evidence.at if claim.evidence else datetime.now(UTC)
    if claim.target.backend.kind == "lambda" and datetime.now(UTC) < proven + LATE:
        return []
    truth = simulator.world.truth()
    return [f"{key.name} runs" for key in claim.agents if truth[key.name]["running"]]


def _aws(simulator: Simulator) -> AwsFace:
    return next(face for face in simulator.faces if isinstance(face, AwsFace))


def _flags(simulator: Simulator) -> LaunchDarklyFace:
    return next(face for face in simulator.faces if isinstance(face, LaunchDarklyFace))
