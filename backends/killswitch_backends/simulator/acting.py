"""The world: running instances really act, and what each agent did last is the truth no console sees.

One loop over a heap makes all instances act, so that thousands cost little. A face says what runs (``Acting``); the
world asks the faces' data planes (``Credentials``, ``Capability``) before every action. It knows no wire protocol.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from killswitch_backends.agent_reports.board import Board
from killswitch_backends.simulator.clock import Clock, rfc3339
from killswitch_backends.simulator.fleet import role_arn
from killswitch_backends.simulator.seams import AgentSpec, Capability, Credentials, Runtime

BEAT = 0.02
"""Seconds between two looks at what is due: an action is late by at most this, and stamped when it happens."""

BATCH = 500
"""Actions in a row before requests get their turn."""


class AgentTruth(TypedDict):
    """What one agent really does. Not reachable through any platform's interface."""

    running: int
    last_action_at: str | None
    """RFC 3339 UTC with milliseconds, cut off."""
    actions: int
    denied: int
    """Actions that failed because its credentials were refused."""
    flag_version: int | None
    """The version of its flag that it evaluated last; None before the first evaluation."""


@dataclass(slots=True)
class _Agent:
    """The record of one agent."""

    spec: AgentSpec
    running: int = 0
    last_action: float | None = None
    actions: int = 0
    denied: int = 0
    flag_version: int | None = None

    def truth(self) -> AgentTruth:
        return {
            "running": self.running,
            "last_action_at": None if self.last_action is None else rfc3339(self.last_action),
            "actions": self.actions,
            "denied": self.denied,
            "flag_version": self.flag_version,
        }


@dataclass(slots=True)
class _Instance:
    """One running copy."""

    agent: _Agent
    name: str
    """As it reports itself: a pod's uid; the execution environment of a function, which outlives an invocation."""
    identity: str | None
    until: float
    """By the clock's ``elapsed``: when it is gone, ended or not."""
    ticks_left: int = 0
    ended: bool = False


class World:
    """Makes every running instance act, as long as its credentials and its flag allow.

    Args:
        agents: whom to know; an instance of any other name acts too, once a second, without a flag.
        clock: the world's time.
        rng: where in its tick an instance first acts.
    """

    def __init__(self, agents: Sequence[AgentSpec], *, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._agents = {spec.name: _Agent(spec) for spec in agents}
        self._instances: dict[str, _Instance] = {}
        self._due: list[tuple[float, int, _Instance]] = []
        self._order = itertools.count()
        self._credentials: Credentials | None = None
        self._capability: Capability | None = None
        self.board = Board(clock=clock.elapsed)
        """Where agents that have the helper report which version of their flag they evaluated."""

    def connect(self, *, credentials: Credentials, capability: Capability) -> None:
        """Say who answers for credentials and flags. Until then nothing that needs them acts."""
        self._credentials, self._capability = credentials, capability

    def instance_started(self, agent: str, instance: str, *, identity: str | None, within: float | None = None) -> None:
        """See ``Acting``. Starting an instance twice changes nothing."""
        if instance in self._instances:
            return
        record = self._agents.get(agent) or self._newcomer(agent, identity)
        spec, now = record.spec, self._clock.elapsed()
        # A function works from the moment it is invoked; a process that runs on may be anywhere in its tick.
        lead = spec.tick if within is None else min(spec.tick, within / 4)
        until = float("inf") if within is None else now + within
        started = _Instance(record, instance if within is None else "environment", identity, until)
        self._instances[instance] = started
        heapq.heappush(self._due, (now + self._rng.random() * lead, next(self._order), started))
        record.running += 1

    def instance_ended(self, instance: str) -> None:
        """See ``Acting``."""
        ended = self._instances.pop(instance, None)
        if ended is not None:
            ended.ended = True
            ended.agent.running -= 1
            if ended.until == float("inf"):  # a process that is told to end says so; an environment is just frozen
                self.board.end(ended.agent.spec.name, ended.name)

    def start_unreachable(self) -> None:
        """Start the agents that have no process layer: they run somewhere that no console can stop."""
        for record in list(self._agents.values()):
            spec = record.spec
            if spec.runtime is Runtime.NONE:
                identity = None if spec.role is None else role_arn(spec.role)
                self.instance_started(spec.name, f"elsewhere/{spec.name}", identity=identity)

    async def run(self) -> None:
        """Make instances act as they become due, until cancelled."""
        while True:
            more = self.step(BATCH)
            await self._clock.sleep(0 if more else BEAT)

    def step(self, most: int = BATCH) -> bool:
        """Let up to ``most`` due instances act now; whether more are due."""
        now = self._clock.elapsed()
        due = self._due
        for _ in range(most):
            if not due or due[0][0] > now:
                return False
            instance = due[0][2]
            if instance.ended or now >= instance.until:
                heapq.heappop(due)
                continue
            self._tick(instance)
            heapq.heapreplace(due, (now + instance.agent.spec.tick, next(self._order), instance))
        return bool(due) and due[0][0] <= now

    def truth(self) -> dict[str, AgentTruth]:
        """What every agent really does, by name."""
        return {name: record.truth() for name, record in self._agents.items()}

    def _tick(self, instance: _Instance) -> None:
        """One tick of one instance: an action, unless its flag or its credentials keep it from acting."""
        agent = instance.agent
        if instance.ticks_left == 0:
            if not self._may_start(instance):
                return
            instance.ticks_left = agent.spec.ticks_per_task
        if not self._may_call(agent, instance.identity):
            agent.denied += 1
            instance.ticks_left = 0  # a refused call fails the task; the next tick starts another
            return
        instance.ticks_left -= 1
        agent.actions += 1
        agent.last_action = self._clock.now()

    def _may_start(self, instance: _Instance) -> bool:
        """Ask the flag, as an agent does at the start of a task only, and report the version it was evaluated at."""
        agent = instance.agent
        if agent.spec.flag is None:
            return True
        if self._capability is None:
            return False
        on, agent.flag_version = self._capability.evaluate(agent.spec.flag)
        if agent.spec.reports:
            flag = agent.spec.flag
            self.board.put(agent.spec.name, instance.name, {flag: agent.flag_version}, {flag: False})
        return on

    def _may_call(self, agent: _Agent, identity: str | None) -> bool:
        """Whether its call passes; an agent that has a role, and was given no credentials, cannot call."""
        if agent.spec.role is None:
            return True
        return identity is not None and self._credentials is not None and self._credentials.allows(identity)

    def _newcomer(self, agent: str, identity: str | None) -> _Agent:
        """Somebody made an agent that was not drawn: it acts all the same."""
        role = None if identity is None else identity.rpartition("/")[2]
        spec = AgentSpec(name=agent, agent_class="", tenant="", runtime=Runtime.KUBERNETES, role=role)
        self._agents[agent] = _Agent(spec)
        return self._agents[agent]
