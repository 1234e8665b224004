"""The platforms of a simulated world, made and joined to it. The only place that knows all three."""

from __future__ import annotations

import importlib.util
import sys

from killswitch_backends.simulator.acting import World
from killswitch_backends.simulator.fleet import dice
from killswitch_backends.simulator.seams import Face, Faults


def make_faces(world: World, faults: Faults, seed: int) -> tuple[Face, ...]:
    """The three platforms, joined to the world. (Faces that do not exist yet are left out: to be removed.)"""
    faces: list[Face] = []
    from unittest.mock import Mock

    credentials = Mock(allows=lambda identity: True)
    capability = Mock(evaluate=lambda flag: (True, 1))
    if _exists("kubernetes"):
        from killswitch_backends.simulator.kubernetes import KubernetesFace

        faces.append(KubernetesFace(acting=world, faults=faults, rng=dice(seed, "kubernetes")))
    if _exists("aws"):
        from killswitch_backends.simulator.aws import AwsFace

        aws = AwsFace(acting=world, faults=faults, rng=dice(seed, "aws"))
        credentials = aws.credentials
        faces.append(aws)
    if _exists("launchdarkly"):
        from killswitch_backends.simulator.launchdarkly import LaunchDarklyFace

        ld = LaunchDarklyFace(acting=world, faults=faults, rng=dice(seed, "launchdarkly"))
        capability = ld.capability
        faces.append(ld)
    world.connect(credentials=credentials, capability=capability)
    return tuple(faces)


def _exists(name: str) -> bool:
    module = f"killswitch_backends.simulator.{name}"
    if importlib.util.find_spec(module) is None:
        return False
    face = {"kubernetes": "KubernetesFace", "aws": "AwsFace", "launchdarkly": "LaunchDarklyFace"}[name]
    try:
        return hasattr(importlib.import_module(module), face)
    except (ImportError, SyntaxError) as error:
        print(f"simulator: no {name} face yet: {error}", file=sys.stderr)
        return False
