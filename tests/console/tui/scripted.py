"""The scripted platform as the screens' tests know it: a cluster and roles, in real time, whose halts end at once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from killswitch_backends.protocol import Budget
from killswitch_console.halting.engine import EngineSettings
from killswitch_inventory.agents import Health, How, Instance
from killswitch_inventory.sightings import Claim, RunsAs, TargetSighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId
from scripted_platform import World
from scripted_platform.things import Clock

POLL = 0.01
"""Seconds between two looks, and until a change is sighted."""

KUBERNETES = BackendRef("kubernetes", "prod")
IAM = BackendRef("iam", "prod")
LAYERS = {"kubernetes": Layer.PROCESS, "iam": Layer.CREDENTIAL}


def now() -> datetime:
    return datetime.now(UTC)


def deployment(name: str, *, agent_class: str, tenant: str, role: str = "", replicas: int = 2) -> TargetSighting:
    """A Deployment that carries an agent's labels."""
    return TargetSighting(
        target=TargetId(KUBERNETES, f"agents/Deployment/{name}"),
        layer=Layer.PROCESS,
        kind="Deployment",
        seen_at=now(),
        claims=(Claim(How.LABEL, name, agent_class, tenant),),
        runs_as=(RunsAs(role, How.IRSA),) if role else (),
        instances=tuple(Instance(f"{name}-{n}", Health.OK, where="node-a") for n in range(replicas)),
        concurrency=replicas,
        health=Health.OK,
        facts={"replicas": str(replicas)},
    )


def role(name: str) -> TargetSighting:
    """A role that agents may run as."""
    return TargetSighting(
        target=TargetId(IAM, f"role/{name}"),
        layer=Layer.CREDENTIAL,
        kind="role",
        seen_at=now(),
        identity=name,
        health=Health.OK,
    )


def empty_world(clock: Clock = now) -> World:
    return World(
        clock=clock,
        backends=(KUBERNETES, IAM),
        budget=Budget(calls_per_second=10.0, burst=5),
        latency=0.0,
        sight_seconds=POLL,
        look_seconds=POLL,
    )


def small_world() -> World:
    """Three refund agents of two tenants, one of them not covered; two research agents that share a role."""
    world = empty_world()
    for name in ("refund-1", "refund-2", "research"):
        world.put(role(name))
    world.put(
        deployment("refund-1", agent_class="refund", tenant="acme", role="refund-1"),
        deployment("refund-2", agent_class="refund", tenant="globex", role="refund-2", replicas=3),
        deployment("refund-10", agent_class="refund", tenant="acme"),
        deployment("research-1", agent_class="research", tenant="acme", role="research"),
        deployment("research-2", agent_class="research", tenant="globex", role="research"),
    )
    return world


def settings(world: World, state_dir: Path) -> EngineSettings:
    """An engine's settings over a scripted world."""
    return world.settings(state_dir, environment="production", layers=LAYERS)
