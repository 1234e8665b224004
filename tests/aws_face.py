"""The AWS face alone, served by aiohttp in a thread with its own loop, and unmodified boto3 clients for it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

import boto3
from aiohttp import web
from aiohttp.typedefs import Handler
from botocore.config import Config
from botocore.exceptions import ClientError

from killswitch_backends.simulator.aws import (
    OPERATOR_ACCESS_KEY_ID,
    OPERATOR_SECRET_ACCESS_KEY,
    AwsFace,
    Behaviour,
    Rate,
)
from killswitch_backends.simulator.clock import Clock
from killswitch_backends.simulator.seams import REGION, AgentSpec, Runtime

T = TypeVar("T")


class Stage:
    """Stands in for the acting world: knows which instances run, as the face tells it."""

    def __init__(self) -> None:
        self.running: dict[str, tuple[str, str | None]] = {}
        self.started = 0

    def instance_started(self, agent: str, instance: str, *, identity: str | None, within: float | None = None) -> None:
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


def unlimited(**more: Any) -> Behaviour:
    """Quick delays and no throttling, for tests that are about neither."""
    rate = Rate(per_second=1e6, burst=10**6)
    rates = (
        "lambda_control",
        "lambda_get_function",
        "iam_read",
        "iam_write",
        "iam_simulate",
        "sts",
        "tagging",
        "metrics",
        "trail",
        "eks",
        "autoscaling_calls",
        "cloudfront",
    )
    quick = {"propagation": (0.05, 0.1), "mapping_transition": 0.3, "provisioning": 0.1, "updating": 0.1}
    return Behaviour(**{**dict.fromkeys(rates, rate), **quick, **more})


def function_agent(name: str, **more: Any) -> AgentSpec:
    """An agent that runs on Lambda, quickly."""
    fields = {"agent_class": "refund", "tenant": "acme", "role": f"{name}-role", "timeout": 1}
    return AgentSpec(name=name, runtime=Runtime.LAMBDA, **{**fields, **more})


def client_of(url: str, service: str, keys: dict[str, str], *, region: str = REGION, attempts: int = 1) -> Any:
    """An unmodified client of whatever answers at an address."""
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    config = Config(retries=retries, connect_timeout=3, read_timeout=10)
    return boto3.client(  # type: ignore[call-overload]
        service, region_name=region, endpoint_url=url, config=config, **keys
    )


@dataclass(slots=True)
class ServedFace:
    """A running face. ``client`` gives clients (one per set of arguments) that never retry, unless told otherwise."""

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
    _clients: dict[tuple[object, ...], Any] = field(default_factory=dict)

    def client(
        self, service: str, *, region: str = REGION, attempts: int = 1, keys: dict[str, str] | None = None
    ) -> Any:
        key = (service, region, attempts, *sorted((keys or {}).items()))
        if key not in self._clients:
            self._clients[key] = client_of(self.url, service, keys or self.keys, region=region, attempts=attempts)
        return self._clients[key]

    def session(self, role_arn: str, **fields: Any) -> dict[str, str]:
        """Temporary keys of a role, for ``client``."""
        given = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="test", **fields)["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def allows(self, identity: str) -> bool:
        """What the data plane says, asked inside the face's own loop."""
        return self.inside(lambda: self.face.credentials.allows(identity))

    def inside(self, work: Callable[[], T]) -> T:
        """Run something quick inside the face's own loop."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(5)


@web.middleware
async def _dropping(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What the simulator's server does when a fault drops the connection."""
    try:
        return await handler(request)
    except ConnectionResetError:
        assert request.transport is not None
        request.transport.abort()
        return web.Response(status=500)


@contextmanager
def serving(
    agents: Sequence[AgentSpec] = (),
    *,
    seed: int = 1,
    behaviour: Behaviour | None = None,
    clock: Clock | None = None,
) -> Iterator[ServedFace]:
    """Serve a face on a free loopback port until the block ends."""
    stage, strikes = Stage(), Strikes()
    face = AwsFace(acting=stage, faults=strikes, rng=Random(seed), behaviour=behaviour, clock=clock)
    ready = threading.Event()
    started: dict[str, Any] = {}

    async def serve() -> None:
        root = web.Application(middlewares=[_dropping])
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
    assert ready.wait(20), "the face did not start"
    try:
        yield ServedFace(f"http://127.0.0.1:{started['port']}/aws", face, stage, strikes, started["loop"])
    finally:
        started["loop"].call_soon_threadsafe(started["stop"].set)
        thread.join(10)


@contextmanager
def refused(code: str) -> Iterator[dict[str, Any]]:
    """The block fails with this error code; what is yielded becomes the whole error response."""
    answer: dict[str, Any] = {}
    try:
        yield answer
    except ClientError as error:
        answer.update(error.response)
        assert answer["Error"]["Code"] == code, answer
    else:
        raise AssertionError(f"no {code}")


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
