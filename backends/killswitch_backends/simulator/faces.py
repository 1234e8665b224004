"""The platforms of a simulated world, made and joined to it. The only place that knows all three."""

from __future__ import annotations

from pathlib import Path

from killswitch_backends.simulator.acting import World
from killswitch_backends.simulator.aws import AwsFace
from killswitch_backends.simulator.clock import Clock
from killswitch_backends.simulator.fleet import dice
from killswitch_backends.simulator.kubernetes import KubernetesFace
from killswitch_backends.simulator.launchdarkly import LaunchDarklyFace
from killswitch_backends.simulator.seams import Face, Faults


def make_faces(
    *, world: World, faults: Faults, clock: Clock, seed: int, audit_log: Path | None = None
) -> tuple[Face, ...]:
    """Kubernetes, AWS and LaunchDarkly; agents ask AWS for their credentials and LaunchDarkly for their flags.

    ``audit_log``: the file that the simulated API server logs changes to.
    """
    kubernetes = KubernetesFace(acting=world, faults=faults, rng=dice(seed, "kubernetes"), audit_log=audit_log)
    aws = AwsFace(acting=world, faults=faults, rng=dice(seed, "aws"), clock=clock)
    launchdarkly = LaunchDarklyFace(acting=world, faults=faults, rng=dice(seed, "launchdarkly"))
    world.connect(credentials=aws.credentials, capability=launchdarkly.capability)
    return kubernetes, aws, launchdarkly
