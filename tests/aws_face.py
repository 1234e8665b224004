"""The AWS face alone, served by aiohttp in a thread with its own loop, and unmodified boto3 clients for it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import boto3
from aiohttp import web
from botocore.config import Config
from killswitch_backends.simulator.aws import (
    OPERATOR_ACCESS_KEY_ID,
    OPERATOR_SECRET_ACCESS_KEY,
    AwsFace,
    Behaviour,
)
from killswitch_backends.simulator.seams import REGION, AgentSpec


class Stage:
    """Stands in for the acting world: knows which instances run, as the face tells it."""

    def __init__(self) -> None:
        self.running: dict[str, tuple[str, str | None]] = {}
        self.started = 0

    def instance_started(self, agent: str, instance: str, *, identity: str | None) -> None:
        assert instance not in self.running
        self.running[instance] = (agent, identity)
        self.started += 1

    def instance_ended(self, instance: str) -> None:
        del self.running[instance]

    def of(self, agent: str) -> int:
        return sum(known == agent for known, _identity in list(self.running.values()))


class Strikes:
    """Stands in for the fault hooks: records every pass, and can be told what to do at one."""

    def __init__(self) -> None:
        self.passed: list[tuple[str, bool]] = []
        self.answers: dict[tuple[str, bool], Callable[[], web.StreamResponse]] = {}

    async def strike(self, operation: str, *, applied: bool = False) -> web.StreamResponse | None:
        self.passed.append((operation, applied))
        answer = self.answers.pop((operation, applied), None)
        return answer() if answer else None


@dataclass(slots=True)
class ServedFace:
    """A running face. ``client`` makes clients that never retry, unless told otherwise."""

    url: str
    face: AwsFace
    stage: Stage
    strikes: Strikes
    loop: asyncio.AbstractEventLoop
    keys: dict[str, str] = field(
        default_factory=lambda: {
            "aws_access_key_id": OPERATOR_ACCESS_KEY_ID,
            "aws_secret_access_key": OPERATOR_SECRET_ACCESS_KEY,
        }
    )

    def client(self, service: str, *, region: str = REGION, attempts: int = 1, **keys: str) -> Any:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts}, connect_timeout=3, read_timeout=10
        )
        return boto3.client(  # type: ignore[call-overload]
            service, region_name=region, endpoint_url=self.url, config=config, **(keys or self.keys)
        )

    def allows(self, identity: str) -> bool:
        """What the data plane says, asked inside the face's own loop."""

        async def ask() -> bool:
            return self.face.credentials.allows(identity)

        return asyncio.run_coroutine_threadsafe(ask(), self.loop).result(5)


@contextmanager
def serving(
    agents: Sequence[AgentSpec] = (), *, seed: int = 1, behaviour: Behaviour | None = None
) -> Iterator[ServedFace]:
    """Serve a face on a free loopback port until the block ends."""
    stage, strikes = Stage(), Strikes()
    face = AwsFace(acting=stage, faults=strikes, rng=Random(seed), behaviour=behaviour)
    ready: asyncio.Future[tuple[int, asyncio.AbstractEventLoop]] | Any = threading.Event()
    started: dict[str, Any] = {}

    async def serve() -> None:
        root = web.Application()
        root.add_subapp(face.prefix, face.application())
        face.seed(agents)
        runner = web.AppRunner(root)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        started["port"] = runner.addresses[0][1]
        started["loop"], started["stop"] = asyncio.get_running_loop(), asyncio.Event()
        work = asyncio.create_task(face.run(), name="the face's own work")
        ready.set()
        await started["stop"].wait()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="served face")
    thread.start()
    assert ready.wait(10)
    try:
        yield ServedFace(f"http://127.0.0.1:{started['port']}/aws", face, stage, strikes, started["loop"])
    finally:
        started["loop"].call_soon_threadsafe(started["stop"].set)
        thread.join(10)


def eventually(condition: Callable[[], Any], *, seconds: float = 8.0) -> Any:
    """Poll until the condition gives something true, and give that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {condition}")
        time.sleep(0.02)
