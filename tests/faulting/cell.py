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
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import yaml

from faulting.faults import FAULTS, STREAMING, Fault
from faulting.operations import watched
from faulting.relay import Relay
from faulting.truth import lies
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
from killswitch_inventory.targets import TargetId
from simulated import Simulated, eventually, running
from worldview import View, difference, worldview

BACKENDS: Final = ("kubernetes", "lambda", "iam", "launchdarkly")
OPERATIONS: Final = ("sight", "preflight", "capture", "halt", "observe", "restore")
AGENTS: Final = 4
LASTS: Final = 3.0
"""Seconds from its first blow until a fault is over."""

PATIENCE: Final = 45.0
"""Seconds that one halt or restore may take before it is resumed, or asked for again."""

FLAGS: Final = frozenset({"launchdarkly"})
"""Without sight of these a halt may be proven all the same: a flag stops no process."""

ASKS_NOTHING: Final = frozenset({("launchdarkly", "capture")})
"""Operations that ask their platform nothing: what they need is known from the sight. Anywhere else a fault has to
strike, or its cell shows nothing."""


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
    """Requests (or names) that were struck; none only where the operation asks its platform nothing."""
    verdict: str = ""
    """Of the halt, before anybody resumed it."""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether everything held that must."""
        return not self.wrong

    @property
    def name(self) -> str:
        """The cell, as ``python -m faulting`` takes it."""
        return " + ".join(map(str, self.strikes))

    def found(self, wrong: Iterable[str]) -> None:
        """Note what is wrong, once."""
        self.wrong += [line for line in wrong if line not in self.wrong]


@dataclass(slots=True)
class Claims:
    """What the engine says of its targets, and whether a halt is on: while a restore is, all of it is about to end."""

    targets: dict[TargetId, TargetProgress] = field(default_factory=dict)
    halting: bool = False

    def hear(self, event: EngineEvent) -> None:
        """Listen to an engine."""
        if isinstance(event, TargetsMoved):
            self.targets.update({t.target: t for t in event.targets})

    def stopped(self) -> list[TargetProgress]:
        """The targets that are said to be stopped by the halt that is on."""
        return [claim for claim in self.targets.values() if self.halting and claim.state is TargetState.STOPPED]


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
    claims = Claims()
    await sim.all_acting()
    before = await asyncio.to_thread(worldview, sim)
    async with AsyncExitStack() as stack:
        relayed = sim.tmp / "relayed.toml"
        relayed.write_text(sim.config_path.read_text())
        posts = [await stack.enter_async_context(_post(sim, relayed, strike)) for strike in outcome.strikes]
        settings = _settings(relayed, outcome.strikes, posts)
        await stack.enter_async_context(_beside(_never_a_lie(sim, claims, outcome), "watch of the truth"))
        for post, strike in zip(posts, outcome.strikes, strict=True):
            post.relay.begin(strike.fault)
            await stack.enter_async_context(_beside(_lift_in_time(post), f"end of {strike}"))
        engine = await stack.enter_async_context(open_engine(settings, claims.hear))
        await Round(sim, engine, outcome, posts, claims).run()
        outcome.blows = sum(post.relay.struck for post in posts)
        outcome.found(defect for post in posts for defect in post.relay.defects)
        outcome.found(_that_never_struck(posts, outcome.strikes))
        await eventually(lambda: _as_before(sim, before), within=15, every=0.5)


def _that_never_struck(posts: Sequence[Post], strikes: Sequence[Strike]) -> list[str]:
    """A fault that never struck shows nothing. Of several at once one may keep another's operation from being asked."""
    if len(strikes) > 1 and any(post.relay.struck for post in posts):
        return []
    return [
        f"{strike}: it never struck"
        for post, strike in zip(posts, strikes, strict=True)
        if not post.relay.struck and (strike.backend, strike.operation) not in ASKS_NOTHING
    ]


async def _as_before(sim: Simulated, before: View) -> bool:
    return not difference(before, await asyncio.to_thread(worldview, sim))


@dataclass(frozen=True, slots=True)
class Round:
    """A halt of everything, to its proof, and its restore."""

    sim: Simulated
    engine: Engine
    outcome: Outcome
    posts: Sequence[Post]
    claims: Claims

    async def run(self) -> None:
        """Go round once; what does not hold is in the outcome."""
        await self.engine.discover()
        if self.engine.fleet.blind:
            await self.half_blind()
        record = await self.halt()
        self.outcome.verdict = self.outcome.verdict or str(record.verdict)
        self.others_unharmed(record)
        early = [post for post in self.posts if post.operation != "restore"]
        for again in range(3):
            if record.verdict is Verdict.STOPPED:
                break
            _lift(early)
            if again and all(t.state is TargetState.STOPPED for t in record.targets):  # the plan itself left some out
                await self.put_back(record)
                await self.in_sight()
                record = await self.halt()
            else:
                record = await self.engine.resume(record.header.halt_id, timeout=PATIENCE)
                await self.is_true(record)
        self.is_proven(record)
        await self.put_back(record)

    async def halt(self) -> HaltRecord:
        """Halt everything; what is claimed of it is true."""
        plan = await self.engine.plan(Scope.parse("global"))
        self.claims.halting = True
        record = await self.engine.halt(plan, invoker=current_invoker(), reason="fault matrix", timeout=PATIENCE)
        await self.is_true(record)
        return record

    async def half_blind(self) -> None:
        """With a platform out of sight: the rest is halted, and nobody calls it all stopped. Then it is put back."""
        blind = {view.ref.kind for view in self.engine.fleet.blind}
        record = await self.halt()
        self.outcome.verdict = str(record.verdict)
        self.others_unharmed(record)
        if record.verdict is Verdict.STOPPED and blind & {view.ref.kind for view in self.engine.fleet.blind} - FLAGS:
            self.outcome.found([f"'stopped' with {', '.join(sorted(blind))} out of sight"])
        await self.put_back(record)
        _lift(self.posts)
        await self.in_sight()

    async def in_sight(self) -> None:
        """Wait until every platform is seen again: what is planned before leaves some of it out, and says so."""
        await eventually(lambda: not self.engine.fleet.blind, within=90, every=0.2)

    async def put_back(self, record: HaltRecord) -> None:
        """Restore, and once the faults are over again, until all is restored."""
        restored = await self.restore(record)
        for _ in range(3):
            if restored.verdict is Verdict.RESTORED:
                return
            _lift(self.posts)
            restored = await self.restore(record)
        self.outcome.found([f"not restored: {_left(restored, TargetState.RESTORED)}"])

    async def restore(self, record: HaltRecord) -> HaltRecord:
        """Ask for the restore of a halt once."""
        self.claims.halting = False
        return await self.engine.restore(
            record.header.halt_id, invoker=current_invoker(), reason="fault matrix", timeout=PATIENCE
        )

    def others_unharmed(self, record: HaltRecord) -> None:
        """Whatever is not struck was proven stopped beside it."""
        struck = {strike.backend for strike in self.outcome.strikes}
        if harmed := _left(record, TargetState.STOPPED, apart_from=struck):
            self.outcome.found([f"other backends were harmed: {harmed}"])

    def is_proven(self, record: HaltRecord) -> None:
        """With the fault over, a halt can be finished."""
        if record.verdict is not Verdict.STOPPED:
            left: list[str] = _left(record, TargetState.STOPPED)
            if not left:
                left = [f"{agent.key.name}: {agent.state} {dict(agent.layers)}" for agent in record.agents]
            blind = ", planned with a platform out of sight" if record.header.blinded else ""
            self.outcome.found([f"never proven after the fault was over ({record.verdict}{blind}): {left}"])

    async def is_true(self, record: HaltRecord) -> None:
        """What a record claims is so at this very moment."""
        self.outcome.found(await asyncio.to_thread(lies, self.sim, record.targets))


def _left(record: HaltRecord, wanted: TargetState, *, apart_from: set[str] | None = None) -> list[str]:
    """Targets that are not where they should be, the first three of them."""
    kinds = apart_from or set()
    return [
        f"{t.target}: {t.state} {t.error or t.note}"
        for t in record.targets
        if t.state is not wanted and t.target.backend.kind not in kinds
    ][:3]


async def _never_a_lie(sim: Simulated, claims: Claims, outcome: Outcome) -> None:
    """Compare what is claimed with the truth again and again."""
    while True:
        if stopped := claims.stopped():
            found = await asyncio.to_thread(lies, sim, stopped)
            still = tuple(f"{claim.target}: " for claim in claims.stopped())
            outcome.found(lie for lie in found if lie.startswith(still))
        await asyncio.sleep(0.25)


@asynccontextmanager
async def _post(sim: Simulated, config: Path, strike: Strike) -> AsyncIterator[Post]:
    post: Post | None = None

    def striking() -> bool:
        return post is not None and post.active[strike.operation] > 0

    streams = (strike.backend, strike.operation) in STREAMING
    relay = Relay(sim.url, strike.backend, striking, streams)
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


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Have something go on beside the body; what fails in it fails the cell."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()):
        raise error


def column(backend: str, operation: str) -> list[tuple[Strike, ...]]:
    """The cells of one operation of one backend."""
    return [(Strike(backend, operation, fault),) for fault in FAULTS]


def combination(seed: int) -> tuple[Strike, ...]:
    """Two to four faults at once, on backends of their own, as the seed draws them."""
    rng = random.Random(seed)
    backends = rng.sample(BACKENDS, rng.randint(2, 4))
    return tuple(Strike(backend, rng.choice(OPERATIONS), rng.choice(FAULTS)) for backend in backends)
