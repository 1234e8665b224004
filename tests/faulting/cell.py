"""One cell of the matrix: a fault in one operation of one backend, through a whole halt and restore, beside the truth.

Whatever fails, these hold: nothing is called stopped whose agent acts after the evidence; a verdict of ``stopped`` is
given only when all is; the other backends' targets are proven stopped meanwhile; once the fault is over the halt can be
finished, and a restore leaves a world equal to the one before in every field, so no prior state was lost.
"""

from __future__ import annotations

import asyncio
import random
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import yaml

from faulting.faults import FAULTS, Fault
from faulting.operations import watched
from faulting.relay import Relay
from killswitch_backends.simulator.fleet import make_fleet
from killswitch_backends.simulator.seams import AgentSpec
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import Engine, EngineSettings, open_engine
from killswitch_console.halting.events import EngineEvent, TargetsMoved
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import Layer, TargetId
from simulated import Simulated, eventually, running
from worldview import View, difference, worldview

BACKENDS: Final = ("kubernetes", "lambda", "iam", "launchdarkly")
OPERATIONS: Final = ("sight", "preflight", "capture", "halt", "observe", "restore")
AGENTS: Final = 4
LASTS: Final = 3.0
"""Seconds from its first blow until a fault is over."""

PATIENCE: Final = 45.0
"""Seconds that one halt or restore may take before it is resumed, or asked for again."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault in an operation of a backend."""

    backend: str
    operation: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.backend} {self.operation}: {self.fault.name}"


@dataclass(slots=True)
class Outcome:
    """What came of a cell."""

    strikes: tuple[Strike, ...]
    seed: int
    blows: int = 0
    """Requests (or names) that were struck; none means that the operation asked its platform nothing."""
    verdict: str = ""
    """Of the halt, before anybody resumed it."""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether everything held that must."""
        return not self.wrong


@dataclass(slots=True)
class Post:
    """One backend's place in a cell: what goes on there, and the relay before it."""

    operation: str
    relay: Relay
    active: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def during(self, operation: str) -> Iterator[None]:
        """Note that an operation is under way."""
        self.active[operation] += 1
        self.relay.stir()
        try:
            yield
        finally:
            self.active[operation] -= 1


async def run(strikes: Sequence[Strike], seed: int) -> Outcome:
    """Play one cell, or a combination. Never raises for what the console does: that is in ``Outcome.wrong``."""
    outcome = Outcome(tuple(strikes), seed)
    began = asyncio.get_running_loop().time()
    async with running(specs=a_fleet(seed), seed=seed) as sim:
        try:
            await _play(sim, outcome)
        except (AssertionError, TimeoutError) as error:
            outcome.wrong.append(str(error) or type(error).__name__)
        except Exception as error:  # noqa: BLE001  (a traceback of ours in a fault is a finding like any other)
            outcome.wrong.append(f"internal error: {error!r}")
    outcome.seconds = asyncio.get_running_loop().time() - began
    return outcome


def a_fleet(seed: int) -> Sequence[AgentSpec]:
    """Few agents, on both kinds of runtime; which ones, the seed says."""
    specs = make_fleet(agents=8 * AGENTS, seed=seed)
    kinds = {spec.runtime: [s for s in specs if s.runtime == spec.runtime] for spec in specs}
    return [spec for several in kinds.values() for spec in several[: AGENTS // len(kinds)]]


async def _play(sim: Simulated, outcome: Outcome) -> None:
    claims: dict[TargetId, TargetProgress] = {}

    def heard(event: EngineEvent) -> None:
        if isinstance(event, TargetsMoved):
            claims.update({t.target: t for t in event.targets})

    await sim.all_acting()
    before = await asyncio.to_thread(worldview, sim)
    async with AsyncExitStack() as stack:
        relayed = sim.tmp / "relayed.toml"
        relayed.write_text(sim.config_path.read_text())
        posts = [await stack.enter_async_context(_post(sim, relayed, strike)) for strike in outcome.strikes]
        settings = _settings(relayed, outcome.strikes, posts)
        for post, strike in zip(posts, outcome.strikes, strict=True):
            post.relay.begin(strike.fault)
            stack.push_async_callback(_ended, asyncio.create_task(_lift_in_time(post), name=f"end of {strike}"))
        watching = asyncio.create_task(_never_a_lie(sim, claims, outcome), name="watch of the truth")
        stack.push_async_callback(_ended, watching)
        engine = await stack.enter_async_context(open_engine(settings, heard))
        await _halt_and_restore(sim, engine, outcome, posts)
        outcome.blows = sum(post.relay.struck for post in posts)
        await eventually(lambda: _as_before(sim, before), within=15, every=0.5)


async def _as_before(sim: Simulated, before: View) -> bool:
    return not difference(before, await asyncio.to_thread(worldview, sim))


async def _halt_and_restore(sim: Simulated, engine: Engine, outcome: Outcome, posts: Sequence[Post]) -> None:
    await engine.discover()
    struck = {strike.backend for strike in outcome.strikes}
    if engine.fleet.blind:
        outcome.verdict = str(await _halt_half_blind(engine, outcome, struck))
        _lift(posts)
        await eventually(lambda: not engine.fleet.blind, within=60, every=0.2)
    record = await _halt(engine)
    outcome.verdict = outcome.verdict or str(record.verdict)
    _others_unharmed(record, struck, outcome)
    early = [post for post in posts if post.operation != "restore"]
    for again in range(3):
        if record.verdict is Verdict.STOPPED:
            break
        _lift(early)
        if again and all(t.state is TargetState.STOPPED for t in record.targets):  # the plan itself had left some out
            await _put_back(engine, record, outcome, posts)
            record = await _halt(engine)
        else:
            record = await engine.resume(record.header.halt_id, timeout=PATIENCE)
    _proven(record, outcome)
    _true_to(sim, record, outcome)
    await _put_back(engine, record, outcome, posts)


async def _halt(engine: Engine) -> HaltRecord:
    plan = await engine.plan(Scope.parse("global"))
    return await engine.halt(plan, invoker=current_invoker(), reason="fault matrix", timeout=PATIENCE)


async def _halt_half_blind(engine: Engine, outcome: Outcome, struck: set[str]) -> Verdict:
    """With a platform out of sight: the rest is halted, and nobody calls it all stopped."""
    record = await _halt(engine)
    blind = {view.ref.kind for view in engine.fleet.blind}
    _others_unharmed(record, struck, outcome)
    if record.verdict is Verdict.STOPPED and blind - {"launchdarkly"}:
        outcome.wrong.append(f"'stopped' with {', '.join(sorted(blind))} out of sight")
    await engine.restore(record.header.halt_id, invoker=current_invoker(), reason="fault matrix", timeout=PATIENCE)
    return record.verdict


async def _put_back(engine: Engine, record: HaltRecord, outcome: Outcome, posts: Sequence[Post]) -> None:
    halt_id = record.header.halt_id
    restored = await engine.restore(halt_id, invoker=current_invoker(), reason="fault matrix", timeout=PATIENCE)
    for _ in range(3):
        if restored.verdict is Verdict.RESTORED:
            return
        _lift(posts)
        restored = await engine.restore(halt_id, invoker=current_invoker(), reason="fault matrix", timeout=PATIENCE)
    left = [f"{t.target}: {t.state} {t.error or t.note}" for t in restored.targets if t.state != TargetState.RESTORED]
    outcome.wrong.append(f"not restored: {left[:3]}")


def _others_unharmed(record: HaltRecord, struck: set[str], outcome: Outcome) -> None:
    harmed = [
        f"{t.target}: {t.state} {t.error or t.note}"
        for t in record.targets
        if t.target.backend.kind not in struck and t.state is not TargetState.STOPPED
    ]
    if harmed:
        outcome.wrong.append(f"other backends were harmed: {harmed[:3]}")


def _proven(record: HaltRecord, outcome: Outcome) -> None:
    if record.verdict is not Verdict.STOPPED:
        left = [f"{t.target}: {t.state} {t.error or t.note}" for t in record.targets if t.state != TargetState.STOPPED]
        outcome.wrong.append(f"never proven after the fault was over ({record.verdict}): {left[:3]}")


def _true_to(sim: Simulated, record: HaltRecord, outcome: Outcome) -> None:
    outcome.wrong += _lies(sim, list(record.targets))


async def _never_a_lie(sim: Simulated, claims: dict[TargetId, TargetProgress], outcome: Outcome) -> None:
    """Compare what is claimed with the truth again and again."""
    while True:
        stopped = [claim for claim in claims.values() if claim.state is TargetState.STOPPED]
        found = await asyncio.to_thread(_lies, sim, stopped)
        still = {claim.target for claim in stopped if claims[claim.target].state is TargetState.STOPPED}
        outcome.wrong += [
            lie for lie in found if any(lie.startswith(str(t)) for t in still) and lie not in outcome.wrong
        ]
        await asyncio.sleep(0.25)


def _lies(sim: Simulated, targets: Sequence[TargetProgress]) -> list[str]:
    """Claims of ``stopped`` for which the agent acted after the evidence, or whose evidence is of the future."""
    lies: list[str] = []
    for target in targets:
        if target.state is not TargetState.STOPPED or target.layer is Layer.CAPABILITY:
            continue
        assert target.evidence is not None
        at = target.evidence.at
        if at > datetime.now(UTC) + timedelta(seconds=1):
            lies.append(f"{target.target}: its evidence is of the future ({at})")
        lies += [
            f"{target.target}: {key.name} acted at {last}, after the proof of {at}"
            for key in target.agents
            if (last := sim.last_action(key.name)) is not None and last > at
        ]
    return lies


@asynccontextmanager
async def _post(sim: Simulated, config: Path, strike: Strike) -> AsyncIterator[Post]:
    post: Post | None = None

    def striking() -> bool:
        return post is not None and post.active[strike.operation] > 0

    relay = Relay(sim.url, strike.backend, striking)
    post = Post(strike.operation, relay)
    async with relay.serving() as url:
        _lead_through(config, strike.backend, url, sim.url)
        yield post


def _settings(config: Path, strikes: Sequence[Strike], posts: Sequence[Post]) -> EngineSettings:
    settings = engine_settings(load_configuration(config))
    openers = dict(settings.openers)
    for ref, opener in settings.openers.items():
        if here := [post for post, strike in zip(posts, strikes, strict=True) if strike.backend == ref.kind]:
            openers[ref] = watched(opener, here)
    return replace(settings, openers=openers)


def _lead_through(config: Path, backend: str, url: str, upstream: str) -> None:
    """Have one backend's table of a configuration point at a relay."""
    text = config.read_text()
    if backend == "kubernetes":
        kubeconfig = Path(tomllib.loads(text)["kubernetes"][0]["kubeconfig"])
        relayed = config.with_name("kubeconfig-relayed")
        content = yaml.safe_load(kubeconfig.read_text())
        content["clusters"][0]["cluster"]["server"] = f"{url}/kubernetes"
        relayed.write_text(yaml.safe_dump(content))
        config.write_text(text.replace(str(kubeconfig), str(relayed)))
        return
    head, mark, rest = text.partition(f"[[{backend}]]")
    table, bracket, tail = rest.partition("\n[[")
    config.write_text(head + mark + table.replace(upstream, url) + bracket + tail)


def _lift(posts: Sequence[Post]) -> None:
    for post in posts:
        post.relay.lift()


async def _lift_in_time(post: Post) -> None:
    """A fault is over some seconds after its operation first ran into it."""
    await post.relay.first.wait()
    await asyncio.sleep(LASTS)
    post.relay.lift()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def column(backend: str, operation: str) -> list[tuple[Strike, ...]]:
    """The cells of one operation of one backend."""
    return [(Strike(backend, operation, fault),) for fault in FAULTS]


def combination(seed: int) -> tuple[Strike, ...]:
    """Two to four faults at once, on backends of their own, as the seed draws them."""
    rng = random.Random(seed)
    backends = rng.sample(BACKENDS, rng.randint(2, 4))
    return tuple(Strike(backend, rng.choice(OPERATIONS), rng.choice(FAULTS)) for backend in backends)
