"""A scripted world that is crowded: 50,000 targets, or a day of virtual time.

    crowd = Crowd(parallel=32)
    crowd.fill(per_backend=12_500)            # an agent each with a Deployment, a function, a role and a flag
    crowd.revive(target, 3)                   # somebody scales it up again

Whatever it is asked costs what a small world's answer costs.
"""

from __future__ import annotations

from killswitch_backends.protocol import Budget
from killswitch_inventory.targets import TargetId
from scripted_platform import World

BACKENDS = ("kubernetes:prod/ns/Deployment", "lambda:prod", "iam:prod/role", "launchdarkly:prod")
"""Where each agent has a target."""


class Crowd(World):
    def __init__(self, *, parallel: int) -> None:
        super().__init__(budget=Budget(None, parallel=parallel))

    def fill(self, *, per_backend: int, classes: int = 20, tenants: int = 10, drains: float = 1.0) -> None:
        """So many agents, each with a target on every backend; what runs differs, so that there is an order."""
        for number in range(per_backend):
            name = f"a{number:05}"
            for where in BACKENDS:
                self.add(
                    f"{where}/{name}",
                    agents=[name],
                    agent_class=f"class-{number % classes}",
                    tenant=f"tenant-{number % tenants}",
                    running=1 + number % 7,
                    drains=drains,
                )

    def revive(self, target: TargetId, replicas: int) -> None:
        """Somebody who is not the console scales it up."""
        self.things[target].set(replicas)

    def forget(self) -> None:
        """Let go of what only a test would ask about the past, so that this world does not grow."""
        self.log.clear()
        self.asked.clear()
        for thing in self.things.values():
            thing.history = thing.history[-2:]
