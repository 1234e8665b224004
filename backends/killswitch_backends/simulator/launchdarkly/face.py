"""The LaunchDarkly face: all its parts put together behind the simulator's ``Face`` seam."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

from aiohttp import web

from killswitch_backends.simulator.launchdarkly.approvals import Approvals
from killswitch_backends.simulator.launchdarkly.audit import AuditLog
from killswitch_backends.simulator.launchdarkly.changes import Changes
from killswitch_backends.simulator.launchdarkly.failures import InvalidRequest
from killswitch_backends.simulator.launchdarkly.flag_endpoints import FlagEndpoints
from killswitch_backends.simulator.launchdarkly.flags import Flags, seeded
from killswitch_backends.simulator.launchdarkly.instructions import apply
from killswitch_backends.simulator.launchdarkly.limits import RateLimits
from killswitch_backends.simulator.launchdarkly.project_endpoints import ProjectEndpoints
from killswitch_backends.simulator.launchdarkly.rest import Operations, errors
from killswitch_backends.simulator.launchdarkly.schedule import Schedule
from killswitch_backends.simulator.launchdarkly.sdk_endpoints import SdkEndpoints
from killswitch_backends.simulator.launchdarkly.streaming import Edge
from killswitch_backends.simulator.launchdarkly.triggers import Triggers
from killswitch_backends.simulator.seams import FLAG_ENVIRONMENT, Acting, AgentSpec, Capability, Faults

_TICK = 0.05
"""Seconds between two looks at the schedule."""


class LaunchDarklyFace:
    """One project, its REST API and the SDK endpoints of its environments, under ``/launchdarkly``.

    Agents ask the main environment; others are for those who must not be touched by a halt in it.

    ``base_uri``, ``stream_uri`` and ``events_uri`` of a client are all the address of this application.
    """

    prefix = "/launchdarkly"

    def __init__(
        self,
        *,
        acting: Acting,
        faults: Faults,
        rng: random.Random,
        environments: tuple[str, ...] = (FLAG_ENVIRONMENT,),
    ) -> None:
        del acting  # flags start and end nothing: agents ask them through ``capability``
        self._faults = faults
        self._rng = rng
        self.edges = tuple(Edge(rng=rng, environment=name) for name in environments)
        [self.edge] = [edge for edge in self.edges if edge.environment == FLAG_ENVIRONMENT]
        self.limits = RateLimits()
        self.approvals = Approvals()
        self.flags = Flags(environments)
        self.audit = AuditLog()
        self._schedule = Schedule()
        self._changes = Changes(self.flags, self.audit, self.edges)
        self._flag_endpoints = FlagEndpoints(flags=self.flags, changes=self._changes, approvals=self.approvals, rng=rng)
        self._triggers = Triggers(
            flags=self.flags,
            endpoints=self._flag_endpoints,
            changes=self._changes,
            approvals=self.approvals,
            faults=faults,
            rng=random.Random("triggers"),  # noqa: S311 - of its own: what it draws must not shift the world's dice
        )
        self.sdk_endpoints = SdkEndpoints(edges=self.edges, faults=faults)

    @property
    def capability(self) -> Capability:
        """What connected agents are served now; see ``Edge`` for the delay of a change."""
        return self.edge

    def application(self) -> web.Application:
        """The aiohttp application; ends its streams when it is shut down."""
        operations = Operations(self._faults, self.limits)
        project = ProjectEndpoints(
            flags=self._flag_endpoints, audit_log=self.audit, schedules=self._schedule, approvals=self.approvals
        )
        application = web.Application(middlewares=[errors])
        application.add_routes(self._flag_endpoints.routes(operations))
        application.add_routes(self._triggers.routes(operations))
        application.add_routes(project.routes(operations))
        application.add_routes(self.sdk_endpoints.routes())
        application.on_shutdown.append(self._shut_down)
        return application

    def seed(self, agents: Sequence[AgentSpec]) -> None:
        """Make a flag for each agent that names one, and some that are nobody's."""
        for flag in seeded(agents, rng=self._rng, now=int(time.time() * 1000)):
            self.flags.put(flag)
        for edge in self.edges:
            edge.load(self.flags)

    async def run(self) -> None:
        """Carry out scheduled changes when they are due; one that has become invalid is dropped, as by the vendor."""
        while True:
            for change in self._schedule.take_due():
                flag = self.flags.get(change.flag)
                if flag is None:
                    continue
                edit = self._flag_endpoints.edit(flag, change.environment)
                try:
                    apply(edit, change.instructions)
                except InvalidRequest as error:
                    self.audit.record(flag.key, ("scheduledChangeFailed",), change.maker, error.message)
                    continue
                self._changes.commit(edit.flag, change.maker, "Scheduled change")
            await asyncio.sleep(_TICK)

    async def _shut_down(self, _: web.Application) -> None:
        for edge in self.edges:
            edge.disconnect()
