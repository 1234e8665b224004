"""Programs for ``painted.py``: the console on 100,000 agents, Textual's own Tree on the same, and an empty app.

``python large_fleet.py console|tree|empty|live STATE_DIR``. The first two begin empty. SIGUSR1 gives them the fleet;
SIGUSR2 lets 10,000 changes a second stream into the console while 5,000 targets halt. ``live`` is the whole
console with a real engine on a scripted platform that is listed at the start, or with SILENT=1 never answers.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from killswitch_console.halting.engine import Engine
    from killswitch_console.halting.events import EngineEvent
    from killswitch_console.halting.progress import TargetProgress
    from killswitch_console.halting.record import HaltRecord
    from killswitch_inventory.agents import Agent, AgentKey

_T = TypeVar("_T")

AGENTS, CLASSES, TENANTS = int(os.environ.get("AGENTS", "100000")), 40, 25
CHANGES_PER_SECOND, HALTED, HALT_SECONDS = int(os.environ.get("CHANGES", "10000")), 5000, 20.0
NOW = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)


def main() -> None:
    """Run the program that is named."""
    given, left = threading.Semaphore(0), threading.Semaphore(0)
    signal.signal(signal.SIGUSR1, lambda *_: given.release())
    signal.signal(signal.SIGUSR2, lambda *_: left.release())
    {"console": console, "tree": tree, "empty": empty, "live": live}[sys.argv[1]](given, left)


def class_name(number: int) -> str:
    return f"class-{number:02}"


def agent_name(number: int) -> str:
    return f"agent-{number:06}"


# -- Textual's own -------------------------------------------------------------------------------------------------


def empty(_: threading.Semaphore, __: threading.Semaphore) -> None:
    """The least that a Textual app can be; imports nothing of the console."""
    from textual.app import App, ComposeResult
    from textual.widgets import Static

    class Empty(App[None]):
        BINDINGS = [("j", "next", "Next")]  # noqa: RUF012
        number = 0

        def compose(self) -> ComposeResult:
            yield Static("painted")

        def action_next(self) -> None:
            self.number += 1
            self.query_one(Static).update(f"key {self.number};")

    Empty().run()


def tree(given: threading.Semaphore, _: threading.Semaphore) -> None:
    """Textual's Tree: classes as nodes, agents as leaves, the names and healths that the console shows too."""
    from textual.app import App, ComposeResult
    from textual.widgets import Tree

    agents = fleet()

    class TreeApp(App[None]):
        BINDINGS = [("asterisk", "all", "Expand all")]  # noqa: RUF012

        def compose(self) -> ComposeResult:
            yield Tree("listing")

        def on_mount(self) -> None:
            loop = asyncio.get_running_loop()

            def wait() -> None:
                given.acquire()
                loop.call_soon_threadsafe(self._fill)

            threading.Thread(target=wait, daemon=True).start()

        def _fill(self) -> None:
            shown = self.query_one(Tree)
            nodes = {name: shown.root.add(f"{name} {AGENTS // CLASSES:,}") for name in map(class_name, range(CLASSES))}
            for agent in agents:
                nodes[agent.key.agent_class].add_leaf(f"{agent.key.name} {agent.health} {agent.concurrency}")
            shown.root.set_label(f"{len(agents):,} agents")
            shown.root.expand()

        def action_all(self) -> None:
            self.query_one(Tree).root.expand_all()

    TreeApp().run()


# -- the console ---------------------------------------------------------------------------------------------------


def fleet() -> list[Agent]:
    """So many agents with a process and a credential target each, all well."""
    from killswitch_inventory.agents import Agent, AgentKey, Binding, Health, How
    from killswitch_inventory.targets import BackendRef, Layer, TargetId

    cluster, account = BackendRef("kubernetes", "prod"), BackendRef("iam", "prod")

    def one(number: int) -> Agent:
        name = agent_name(number)
        key = AgentKey(class_name(number * CLASSES // AGENTS), f"tenant-{number % TENANTS:02}", name)
        bindings = (
            Binding(TargetId(cluster, f"agents/Deployment/{name}"), Layer.PROCESS, How.LABEL),
            Binding(TargetId(account, f"role/{name}"), Layer.CREDENTIAL, How.IRSA),
        )
        return Agent(key, Health.OK, 2, (), bindings, halted=False, oldest_fact=NOW)

    return [one(number) for number in range(AGENTS)]


class Feed:
    """Stands where the engine's thread would, and tells what an engine would tell, as fast as it is asked to."""

    def __init__(
        self, publish: Callable[[EngineEvent], None], given: threading.Semaphore, left: threading.Semaphore
    ) -> None:
        self._publish, self._given, self._left = publish, given, left
        self._agents = fleet()
        self._loop = asyncio.new_event_loop()

    def start(self) -> None:
        """Be there, with nothing listed yet."""
        threading.Thread(target=self._loop.run_forever, daemon=True, name="answers").start()
        threading.Thread(target=self._run, daemon=True, name="feed").start()
        self._tell((), live=False)

    def submit(self, work: Callable[[Engine], Awaitable[_T]], *, name: str) -> Future[_T]:
        """Answer from the same agents, in a thread of its own."""
        del name

        async def answer() -> _T:
            return await work(cast("Engine", self))

        return asyncio.run_coroutine_threadsafe(answer(), self._loop)

    async def records(self) -> list[object]:
        """No halt was ever made."""
        return []

    @property
    def fleet(self) -> Feed:
        """The part of an engine that knows agents."""
        return self

    def agent(self, key: AgentKey) -> Agent | None:
        """One agent, as it is now."""
        return self._agents[int(key.name.rpartition("-")[2])]

    def _tell(self, agents: tuple[Agent, ...], *, live: bool) -> None:
        from killswitch_console.halting.events import FleetChanged
        from killswitch_inventory.sightedness import BackendView, Sightedness
        from killswitch_inventory.targets import BackendRef

        seen = Sightedness.LIVE if live else Sightedness.LISTING
        views = tuple(BackendView(BackendRef(kind, "prod"), seen, NOW) for kind in ("iam", "kubernetes"))
        self._publish(FleetChanged(agents, (), views))

    def _run(self) -> None:
        self._given.acquire()
        self._tell(tuple(self._agents), live=True)
        self._left.acquire()
        changing = self._changes()
        began, sent = time.perf_counter(), 0
        halting = self._halt()
        while True:
            due = int((time.perf_counter() - began) * CHANGES_PER_SECOND)
            if due > sent:
                self._tell(tuple(itertools.islice(changing, due - sent)), live=True)
                sent = due
            next(halting, None)
            time.sleep(0.02)

    def _changes(self) -> Iterator[Agent]:
        from killswitch_inventory.agents import Health

        chance = random.Random(1)
        healths = [Health.OK] * 8 + [Health.DEGRADED, Health.FAILING]
        while True:
            number = chance.randrange(AGENTS)
            changed = replace(self._agents[number], health=chance.choice(healths), concurrency=chance.randrange(9))
            self._agents[number] = changed
            yield changed

    def _halt(self) -> Iterator[None]:
        """A halt of 5,000 targets (2,500 agents of the last class) from the key to the last proof."""
        from killswitch_console.halting.events import HaltBegun, HaltEnded, TargetsMoved

        record = _record(self._agents[-HALTED // 2 :])
        self._publish(HaltBegun(record))
        began = time.perf_counter()
        moved = list(record.targets)
        done = [0, 0, 0]
        while done[2] < len(moved):
            elapsed = time.perf_counter() - began
            changed = []
            for step, seconds in enumerate((0.5, 0.7, 1.0)):
                upto = min(len(moved), int(len(moved) * elapsed / (seconds * HALT_SECONDS)))
                for number in range(done[step], upto):
                    moved[number] = _step(moved[number], step)
                    changed.append(moved[number])
                done[step] = upto
            if changed:
                self._publish(TargetsMoved(record.header.halt_id, tuple(changed)))
            yield
        self._publish(HaltEnded(replace(record, targets=tuple(moved), ended_at=datetime.now(UTC))))


def _record(agents: list[Agent]) -> HaltRecord:
    from killswitch_backends.protocol import Captured, Profile
    from killswitch_console.authority.invoker import Invoker
    from killswitch_console.halting.progress import TargetProgress
    from killswitch_console.halting.record import HaltHeader, HaltRecord
    from killswitch_inventory.scopes import Scope

    at = datetime.now(UTC)
    header = HaltHeader(
        halt_id=f"h-{at:%Y%m%d-%H%M%S}-k7qz",
        scope=Scope.parse(f"class:{agents[-1].key.agent_class}"),
        environment="production",
        profile=Profile.IMMEDIATE,
        reason="bench",
        incident=None,
        invoker=Invoker(os_user="alice", uid=1000, host="bastion-1"),
        invoked_at=at,
        slo_seconds=60.0,
        backend_slo={"kubernetes": 45.0, "iam": 60.0},
        agents=tuple(agent.key for agent in agents),
        untouched=(),
        collateral=(),
        blinded=False,
    )
    targets = tuple(
        TargetProgress(
            target=binding.target,
            layer=binding.layer,
            agents=(agent.key,),
            captured=Captured(binding.target, {"replicas": 2}, at, 2),
            running=2,
        )
        for agent in agents
        for binding in agent.bindings
    )
    return HaltRecord(header, targets)


def _step(target: TargetProgress, step: int) -> TargetProgress:
    from killswitch_backends.protocol import Accepted, Evidence, Grade
    from killswitch_console.halting.progress import TargetState

    at = datetime.now(UTC)
    if step == 0:
        return replace(target, state=TargetState.REQUESTED, requested_at=at, attempts=1)
    if step == 1:
        return replace(target, state=TargetState.ACCEPTED, accepted=Accepted(target.target, at))
    evidence = Evidence(Grade.OBSERVED, "no pods are left on ready nodes", at)
    return replace(target, state=TargetState.STOPPED, evidence=evidence, stopped_at=at, running=0)


def console(given: threading.Semaphore, left: threading.Semaphore) -> None:
    """The console's app as ``run_app`` makes it, fed by ``Feed``."""
    from killswitch_console.authority.invoker import Invoker
    from killswitch_console.tui.app import ConsoleApp
    from killswitch_console.tui.state import ConsoleState

    invoker = Invoker(os_user="alice", uid=1000, host="bastion-1")
    app = ConsoleApp(ConsoleState("production", invoker), lambda publish: Feed(publish, given, left))
    app.run()
    if app.defect is not None:
        raise app.defect


def live(_: threading.Semaphore, __: threading.Semaphore) -> None:
    """The whole console, engine and all, on a scripted platform; SILENT=1: a platform that never answers.

    As the command does it: what was known last is painted before anything else is imported.
    """
    from killswitch_console.tui.last_frame import FirstFrame, recall, show

    known = recall(Path(sys.argv[2]) / "fleet")
    first = FirstFrame(known is not None and show("production", known))

    from console.tui.scripted import IAM, KUBERNETES, deployment, empty_world, role, settings
    from killswitch_console.tui.running import run_app
    from scripted_platform import Fault

    world = empty_world()
    if os.environ.get("SILENT"):
        for backend in (KUBERNETES, IAM):
            world.strike("sight", str(backend), Fault.HANG)
    else:
        for number in range(AGENTS):
            name, of = agent_name(number), class_name(number * CLASSES // AGENTS)
            world.put(role(name), deployment(name, agent_class=of, tenant=f"tenant-{number % TENANTS:02}", role=name))
    sys.exit(run_app(settings(world, Path(sys.argv[2])), first_frame=first))


if __name__ == "__main__":
    main()
