"""Going through a scope for who is new: in slices, with nobody lost who appears meanwhile, nobody taken twice."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from killswitch_backends.protocol import Profile
from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting import adopting as module
from killswitch_console.halting.adopting import SLICE, Adopting
from killswitch_console.halting.lease import Leases
from killswitch_console.halting.means import Means
from killswitch_console.halting.plan import Protection
from killswitch_console.halting.progress import TargetProgress
from killswitch_console.halting.record import HaltHeader, HaltRecord
from killswitch_console.halting.recording import UNRECORDED
from killswitch_inventory.agents import How
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.scopes import Scope
from killswitch_inventory.sightings import Claim, TargetSighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId

AT = datetime(2027, 1, 15, tzinfo=UTC)
CLUSTER = BackendRef("kubernetes", "prod")

Spare = Any


def target(name: str) -> TargetId:
    return TargetId(CLUSTER, f"ns/Deployment/{name}")


def seen(name: str) -> TargetSighting:
    claim = Claim(How.LABEL, name, "refund", "acme")
    return TargetSighting(target=target(name), layer=Layer.PROCESS, kind="Deployment", seen_at=AT, claims=(claim,))


@dataclass(slots=True)
class Scene:
    """A fleet, one halt of all of it that knows some agents, and what that halt found to be new."""

    known: list[str]
    there: list[str]
    fleet: Fleet = field(default_factory=Fleet)
    found: list[str] = field(default_factory=list)
    adopting: Adopting = field(init=False)
    header: HaltHeader = field(init=False)

    def __post_init__(self) -> None:
        for name in self.there:
            self.fleet.fold(seen(name))
        keys = tuple(key for key in self.fleet.keys() if key.name in self.known)  # noqa: SIM118
        self.header = HaltHeader(
            halt_id="h-1", scope=Scope.parse("class:refund"), environment="test", profile=Profile.IMMEDIATE,
            reason="test", incident=None, invoker=Invoker(os_user="me", uid=1, host="here"), invoked_at=AT,
            slo_seconds=60.0, backend_slo={}, agents=keys, untouched=(), collateral=(), blinded=False,
        )  # fmt: skip
        targets = tuple(TargetProgress(target=target(key.name), layer=Layer.PROCESS, agents=(key,)) for key in keys)
        self.adopting = Adopting(HaltRecord(self.header, targets), self.means())

    def means(self) -> Means:
        async def spare_nobody(_: Spare) -> tuple[()]:
            return ()

        return Means(
            fleet=self.fleet, backends={}, ledger=None, leases=Leases(Path("/nowhere")), publish=lambda _: None,
            now=lambda: AT, recorder=UNRECORDED, protection=Protection(), environment="test", sparing=spare_nobody,
        )  # fmt: skip

    def arrive(self, name: str, heard_after: int) -> None:
        """An agent appears now; those who listen hear of it some turns later."""
        self.fleet.fold(seen(name))
        self.hear(name, heard_after)

    def hear(self, name: str, turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self.hear, name, turns - 1)
            return
        agents = self.fleet.agents(Scope.parse(f"agent:{name}"))
        self.adopting.hear(agents)

    async def take(self) -> None:
        if (found := await self.adopting.take(self.header)) is not None:
            self.header = found.header
            self.found += [u.id for u in found.left] + [str(t.target) for t in found.targets]


NAMES = [f"a{number}" for number in range(12)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    known=st.lists(st.sampled_from(NAMES), unique=True),
    there=st.lists(st.sampled_from(NAMES), unique=True),
    arrivals=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(NAMES), st.integers(0, 4)), max_size=8),
    cancelled=st.lists(st.integers(0, 8), max_size=2),
    slice_size=st.integers(1, 4),
)
def test_whoever_is_new_is_found_once_in_whatever_order_they_come(
    monkeypatch: pytest.MonkeyPatch,
    known: list[str],
    there: list[str],
    arrivals: list[tuple[int, str, int]],
    cancelled: list[int],
    slice_size: int,
) -> None:
    monkeypatch.setattr(module, "SLICE", slice_size)
    scene = Scene(known, sorted({*known, *there}))

    async def appear(turn: int, name: str, heard_after: int) -> None:
        for _ in range(turn):
            await asyncio.sleep(0)
        scene.arrive(name, heard_after)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for arrival in arrivals:
                group.create_task(appear(*arrival))
            for turns in cancelled:
                work = asyncio.create_task(scene.take())
                for _ in range(turns):
                    await asyncio.sleep(0)
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
        while scene.adopting.waiting:
            await scene.take()
        for _ in range(6):
            await asyncio.sleep(0)
        await scene.take()

    asyncio.run(main())
    new = {*there, *(name for _, name, _ in arrivals)} - {*known}
    assert sorted(scene.found) == sorted(str(target(name)) for name in new)
    assert {key.name for key in scene.header.newcomers} == new
    assert not scene.adopting.waiting


def test_the_loop_has_its_turns_while_a_large_scope_is_gone_through() -> None:
    names = [f"agent-{number}" for number in range(8 * SLICE)]
    scene, turns = Scene(names, [*names, "new"]), 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def main() -> None:
        counting = asyncio.create_task(count())
        await scene.take()
        counting.cancel()

    assert scene.adopting.waiting, "until it was gone through nobody knows"
    asyncio.run(main())
    assert turns >= 8
    assert scene.found == [str(target("new"))]
