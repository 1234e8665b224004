"""A running simulator for any test: in a thread of its own (``running``), or in a process of its own (``process``).

    async with running(agents=12, seed=3) as sim:
        client = boto3.client("lambda", endpoint_url=f"{sim.url}/aws", ...)
        sim.faults.add(operation="lambda.PutFunctionConcurrency", kind="throttle", count=2, retry_after=1)
        ...
        assert sim.truth()["refund-1"]["running"] == 0
        assert sim.counts()["lambda.PutFunctionConcurrency"] == 3

Because the simulator never runs in the test's own loop, blocking SDKs can talk to it from anywhere. All methods of
``Simulated`` are ordinary blocking calls that take a few milliseconds.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from killswitch_backends.simulator.configuration import kubernetes_audit_log, write_configuration
from killswitch_backends.simulator.faces import make_faces
from killswitch_backends.simulator.fleet import make_fleet
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from killswitch_backends.simulator.server import Simulator

T = TypeVar("T")

START = 30.0
"""Seconds a simulator may take to start on a busy machine before a test fails."""


@dataclass(frozen=True, slots=True)
class Faults:
    """``/_simulator/faults``: see ``killswitch_backends.simulator.faults.Rule`` for the fields of a rule."""

    url: str

    def add(self, *, operation: str, kind: str, **fields: Any) -> int:
        """Put a rule in force; its id."""
        (rule_id,) = _call(self.url, "POST", "faults", {"operation": operation, "kind": kind, **fields})
        return int(rule_id)

    def remove(self, rule_id: int) -> None:
        """Lift one rule."""
        _call(self.url, "DELETE", f"faults/{rule_id}")

    def clear(self) -> None:
        """Lift all rules."""
        _call(self.url, "DELETE", "faults")

    def list(self) -> list[dict[str, Any]]:
        """The rules in force, with how often each ``matched`` and ``struck``."""
        return list(_call(self.url, "GET", "faults"))


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulator that is serving."""

    url: str
    specs: tuple[AgentSpec, ...]
    config_path: Path
    """A configuration file for the console that points at it."""
    tmp: Path
    """A directory that goes away with it."""
    child: asyncio.subprocess.Process | None = None
    """Its process, if it has one of its own."""
    thread: _Thread | None = None
    """Its thread, if it runs in this process."""
    faults: Faults = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "faults", Faults(self.url))

    def truth(self) -> dict[str, dict[str, Any]]:
        """``{agent: {"running", "last_action_at", "actions", "denied", "flag_version"}}``."""
        return dict(_call(self.url, "GET", "truth"))

    def requests(self, operation: str = "*") -> list[dict[str, Any]]:
        """The latest requests whose operation matches: number, operation, method, path, at, status, applied, fault."""
        return list(_call(self.url, "GET", f"requests?limit=20000&operation={quote(operation)}")["latest"])

    def counts(self) -> dict[str, int]:
        """How many requests there were, by operation."""
        return dict(_call(self.url, "GET", "requests?limit=0")["counts"])

    def forget_requests(self) -> None:
        """Start counting anew."""
        _call(self.url, "DELETE", "requests")

    def spec(self, runtime: Runtime | str = Runtime.KUBERNETES, number: int = 0) -> AgentSpec:
        """The n-th agent that runs on a platform."""
        return [spec for spec in self.specs if spec.runtime == runtime][number]

    async def all_acting(self, *names: str, within: float = 15.0) -> None:
        """Wait until these agents (all, if none is named) have acted since this call."""
        before = self.truth()
        wanted = names or tuple(before)
        await eventually(
            lambda: all(self.truth()[name]["actions"] > before[name]["actions"] for name in wanted), within=within
        )

    def inside(self, work: Callable[[Simulator], T]) -> T:
        """Do something with the ``Simulator`` itself, in its own loop (only if it runs in this process)."""
        assert self.thread is not None, "it runs in another process"
        return self.thread.inside(work)

    def last_action(self, agent: str) -> datetime | None:
        """When an agent last acted."""
        at = self.truth()[agent]["last_action_at"]
        return None if at is None else datetime.fromisoformat(at)


@asynccontextmanager
async def running(
    *, agents: int = 12, seed: int = 1, uncovered: int = 0, specs: Sequence[AgentSpec] | None = None
) -> AsyncIterator[Simulated]:
    """A simulator in a thread of this process, with a loop of its own; ``specs`` instead of a drawn fleet."""
    chosen = tuple(make_fleet(agents=agents, seed=seed, uncovered=uncovered) if specs is None else specs)
    with tempfile.TemporaryDirectory(prefix="simulated-") as directory:
        tmp = Path(directory)
        config = tmp / "config.toml"
        thread = _Thread(chosen, seed, kubernetes_audit_log(config))
        url = await asyncio.to_thread(thread.begin)
        try:
            yield Simulated(url, chosen, write_configuration(config, url=url), tmp, thread=thread)
        finally:
            await asyncio.to_thread(thread.end)


@asynccontextmanager
async def process(*, agents: int = 12, seed: int = 1, uncovered: int = 0) -> AsyncIterator[Simulated]:
    """A simulator in a process of its own, as a user starts it; ended with SIGTERM."""
    with tempfile.TemporaryDirectory(prefix="simulated-") as directory:
        config = Path(directory) / "config.toml"
        numbers = [f"--agents={agents}", f"--seed={seed}", f"--uncovered={uncovered}"]
        command = [sys.executable, "-m", "killswitch_backends.simulator", *numbers, f"--write-config={config}"]
        child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert child.stdout is not None
        try:
            async with asyncio.timeout(START):
                line = (await child.stdout.readline()).decode()
            assert "http://127.0.0.1:" in line, f"the simulator said {line!r}"
            url = line.split()[-1]
            specs = make_fleet(agents=agents, seed=seed, uncovered=uncovered)
            yield Simulated(url, specs, config, Path(directory), child)
        finally:
            with suppress(ProcessLookupError):
                child.terminate()
            await child.communicate()


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], *, within: float = 5.0, every: float = 0.02
) -> None:
    """Wait until a condition holds.

    Raises:
        AssertionError: when it does not within so many seconds.
    """
    deadline = time.monotonic() + within
    while True:
        holds = condition()
        if isinstance(holds, Awaitable):
            holds = await holds
        if holds:
            return
        assert time.monotonic() < deadline, f"not within {within} s"
        await asyncio.sleep(every)


class _Thread:
    """A simulator's thread. What fails in it fails the test that started it."""

    def __init__(self, specs: Sequence[AgentSpec], seed: int, audit_log: Path) -> None:
        self._specs, self._seed, self._audit_log = specs, seed, audit_log
        self._ready = threading.Event()
        self._url = ""
        self._simulator: Simulator | None = None
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="simulator", daemon=True)

    def begin(self) -> str:
        """Start it, and wait until it serves."""
        self._thread.start()
        served = self._ready.wait(START)
        if self._failure is not None:
            raise self._failure
        assert served, "the simulator did not start"
        return self._url

    def inside(self, work: Callable[[Simulator], T]) -> T:
        """The result of some work done in the simulator's loop."""

        async def do() -> T:
            assert self._simulator is not None
            return work(self._simulator)

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(do(), self._loop).result(START)

    def end(self) -> None:
        """Stop it, and wait until it is gone."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            with suppress(RuntimeError):  # its loop ended by itself: the failure below says why
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START)
        assert not self._thread.is_alive(), "the simulator did not stop"
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # noqa: BLE001 - carried over to the test's thread
            self._failure = failure
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        faces = partial(make_faces, audit_log=self._audit_log)
        self._simulator = Simulator(self._specs, seed=self._seed, faces=faces)
        async with self._simulator.serving() as self._url:
            self._ready.set()
            await self._stop.wait()


def _call(url: str, method: str, path: str, body: object = None) -> Any:
    """One request to ``/_simulator``; the answer's JSON, or None."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=START)
    try:
        connection.request(method, f"/_simulator/{path}", None if body is None else json.dumps(body))
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status < 400, f"{method} {path}: {answer.status} {text}"
        return json.loads(text) if text else None
    finally:
        connection.close()
