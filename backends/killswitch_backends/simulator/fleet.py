"""Which agents the simulated world has: drawn from a seed, the same for the same numbers on every machine.

The default fleet is fully covered and shares nothing: each agent has a process target, a role and a flag of its own,
so that halting one has no collateral. Tests that want sharing build their own ``AgentSpec`` s.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from killswitch_backends.simulator.seams import ACCOUNT, AgentSpec, Runtime

NAMESPACES = {
    "refund": "payments",
    "triage": "support",
    "research": "insight",
    "outreach": "sales",
    "billing": "payments",
    "onboarding": "sales",
    "scheduling": "operations",
    "summary": "insight",
    "moderation": "support",
    "procurement": "operations",
}
"""The classes of agents, and the Kubernetes namespace in which the agents of each run."""

TENANTS = ("acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "tyrell")

LAMBDA_SHARE = 0.3
SMALL_FLEET = 1000
"""Up to this many agents tick at full speed; larger fleets tick slower, so that the world's work stays the same."""


def dice(seed: int, purpose: str) -> random.Random:
    """Random numbers for one purpose, so that no part of the world disturbs what another part draws."""
    return random.Random(f"{purpose} {seed}")  # noqa: S311 - a world that can be repeated, not a secret


def role_arn(role: str) -> str:
    """The ARN of an agent's role: all of them live under the path ``/agents/``."""
    return f"arn:aws:iam::{ACCOUNT}:role/agents/{role}"


def make_fleet(*, agents: int, seed: int, uncovered: int = 0) -> tuple[AgentSpec, ...]:
    """Draw a fleet: ``agents`` covered ones, then ``uncovered`` further ones that each lack a layer.

    With at least two agents both platforms run some; with at least ten every class and tenant has a member.

    Raises:
        ValueError: when a number is negative.
    """
    if agents < 0 or uncovered < 0:
        raise ValueError("a fleet cannot have fewer than zero agents")
    draw = _Draw(dice(seed, "fleet"), slowness=max(1.0, (agents + uncovered) / SMALL_FLEET))
    covered = [draw.agent(runtime) for runtime in draw.runtimes(agents)]
    return (*covered, *draw.uncovered(uncovered))


@dataclass(slots=True)
class _Draw:
    """The dice, and what was drawn so far."""

    rng: random.Random
    slowness: float
    drawn: int = 0
    names: Counter[str] = field(default_factory=Counter)

    def runtimes(self, count: int) -> list[Runtime]:
        """A runtime for each agent, shuffled; the first is always a Deployment."""
        functions = max(round(count * LAMBDA_SHARE), min(1, count - 1)) if count else 0
        rest = [Runtime.LAMBDA] * functions + [Runtime.KUBERNETES] * (count - functions - 1)
        self.rng.shuffle(rest)
        return [Runtime.KUBERNETES, *rest][:count]

    def agent(self, runtime: Runtime) -> AgentSpec:
        """One covered agent. The first ones take every class and tenant in turn, so that none stays empty."""
        agent_class = self._next(tuple(NAMESPACES))
        tenant = self._next(TENANTS)
        self.drawn += 1
        self.names[agent_class] += 1
        name = f"{agent_class}-{self.names[agent_class]}"
        tick = round(self.rng.uniform(0.5, 1.0) * self.slowness, 3)
        return AgentSpec(
            name=name,
            agent_class=agent_class,
            tenant=tenant,
            runtime=runtime,
            namespace=NAMESPACES[agent_class] if runtime is Runtime.KUBERNETES else "",
            replicas=self.rng.randint(1, 3),
            grace=float(self.rng.randint(1, 3)),
            timeout=max(self.rng.randint(1, 3), math.ceil(tick)),
            role=f"{name}-role",
            flag=f"{name}-enabled",
            tick=tick,
            ticks_per_task=self.rng.randint(1, 4),
        )

    def uncovered(self, count: int) -> Iterator[AgentSpec]:
        """Agents that lack a layer, each way of lacking one in turn."""
        for number in range(count):
            if number % 3 == 0:
                yield replace(self.agent(Runtime.NONE), replicas=1, reports=False)
            elif number % 3 == 1:
                yield replace(self.agent(Runtime.KUBERNETES), role=None)
            else:
                yield replace(self.agent(Runtime.NONE), replicas=1, role=None, reports=False)

    def _next(self, choices: tuple[str, ...]) -> str:
        return choices[self.drawn] if self.drawn < len(choices) else self.rng.choice(choices)
