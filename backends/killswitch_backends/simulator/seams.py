"""What the parts of the simulator know of each other: the agents to make, who may act, and where faults strike.

Each platform face (kubernetes, aws, launchdarkly) owns its platform's state and is an aiohttp sub-application; the
world (acting.py) owns time and truth. They meet only here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from aiohttp import web

ACCOUNT = "111122223333"
REGION = "eu-central-1"
PROJECT = "agents"
FLAG_ENVIRONMENT = "production"
BOARD = "/agent-reports"
"""Where agents report the flag versions they evaluated."""
BOARD_TOKEN = "board-simulator-00000000-0000-4000-8000-000000000004"  # noqa: S105 - opens nothing but the simulator


class Runtime(StrEnum):
    """What an agent's process layer is; ``NONE`` for an agent that has none."""

    KUBERNETES = "kubernetes"
    LAMBDA = "lambda"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpec:
    """One agent to make, drawn from the seed. Names are plain ASCII and unique; times are real seconds."""

    name: str
    agent_class: str
    tenant: str
    runtime: Runtime
    namespace: str = ""
    replicas: int = 1
    """Pods of its Deployment; for Lambda: how many invocations its callers keep under way."""
    grace: float = 2.0
    """terminationGracePeriodSeconds; it acts until the grace is over, as an agent that ignores SIGTERM does."""
    timeout: int = 3
    """Lambda Timeout; an invocation lasts up to this long."""
    role: str | None = None
    """Name of its IAM role (path ``/agents/``); None: it needs no credentials."""
    flag: str | None = None
    """Key of its flag; None: no flag gates it."""
    tick: float = 1.0
    """Seconds between two actions of one running instance."""
    ticks_per_task: int = 3
    """The flag is asked at the start of a task only."""
    reports: bool = True
    """Whether it has the helper that reports the flag version it evaluated last."""


class Acting(Protocol):
    """The world's side: faces tell it which instances run; it makes them act, and keeps the truth."""

    def instance_started(self, agent: str, instance: str, *, identity: str | None, within: float | None = None) -> None:
        """An instance (pod uid, invocation id) of an agent runs from now on, with this role ARN or none.

        ``within`` is for what the platform kills on time, as Lambda does at the Timeout: it acts for at most so many
        seconds, even when the simulator is too busy to call ``instance_ended`` in time.
        """
        ...

    def instance_ended(self, instance: str) -> None:
        """It runs no more: its process is gone. Unknown instances are ignored."""
        ...


class Credentials(Protocol):
    """The AWS face's side: may an identity call now, as IAM's data plane sees it (with propagation delay)."""

    def allows(self, identity: str) -> bool: ...


class Capability(Protocol):
    """The LaunchDarkly face's side: what a connected agent is served now."""

    def evaluate(self, flag: str) -> tuple[bool, int]:
        """Whether the flag serves true, and the version that was evaluated."""
        ...


class Faults(Protocol):
    """Where every request handler passes once, before it does anything (and once more after it was applied)."""

    async def strike(self, operation: str, *, applied: bool = False) -> web.StreamResponse | None:
        """Return an error answer to give instead, or None to go on; may sleep, hang, or drop the connection.

        ``operation`` is ``PLATFORM.OPERATION`` in the platform's own words, more exact parts last:
        ``kubernetes.patch.deployments/scale``, ``lambda.PutFunctionConcurrency``, ``launchdarkly.patch``.
        Raises ``ConnectionResetError`` for a fault that drops the connection.
        """
        ...


class Face(Protocol):
    """One platform as the simulator serves it. Everything runs in the one event loop of the simulator."""

    prefix: str
    """Where its sub-application is mounted: ``/kubernetes``, ``/aws``, ``/launchdarkly``."""

    def application(self) -> web.Application:
        """The aiohttp application that answers this platform's wire protocol."""
        ...

    def seed(self, agents: Sequence[AgentSpec]) -> None:
        """Make the platform's objects for these agents. Called once, inside the running loop, before serving."""
        ...

    async def run(self) -> None:
        """The face's own background work (controllers, invokers, propagation), until cancelled."""
        ...
