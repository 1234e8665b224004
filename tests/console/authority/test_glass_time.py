"""Broken glass is sealed again: after a quarter of an hour without use, after an hour, never under a halt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from killswitch_backends.emergency import EmergencyCredential, Lend
from killswitch_console.authority.breakglass import Glass
from killswitch_console.authority.glass_settings import GlassSettings
from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.recording import UNRECORDED
from killswitch_console.halting.sighting import Opener
from killswitch_console.notify.notice import Notice
from killswitch_console.vault.credential import Credential, CredentialKind, bundled
from killswitch_console.vault.vault import Probe, VaultState
from killswitch_inventory.targets import BackendRef

REF = BackendRef("launchdarkly", "prod")
ME = Invoker(os_user="alice", uid=1, host="bastion")
START = datetime(2026, 11, 22, tzinfo=UTC)


class OpenVault:
    """A vault without a lock: what locks it is tested elsewhere."""

    name, place, custodian = "test", "memory", ""

    async def probe(self) -> Probe:
        return Probe(VaultState.SEALED)

    async def unseal(self, passphrase: bytearray) -> bytearray:
        fields = {"token": "the-token"}
        kind = CredentialKind.LAUNCHDARKLY_TOKEN
        return bundled([Credential(name="flags", kind=kind, backends=(str(REF),), fields=fields)])

    async def seal(self, content: bytearray, passphrase: bytearray) -> None:
        raise NotImplementedError


@asynccontextmanager
async def nothing() -> AsyncIterator[Any]:
    yield None


@dataclass
class World:
    """A glass on a clock that a test moves, and what became of it."""

    now: datetime = START
    busy: bool = False
    steps: list[str] = field(default_factory=list)
    lent: list[Path] = field(default_factory=list)

    def glass(self) -> Glass:
        settings = GlassSettings(vaults=(OpenVault(),), openers={REF: self.emergency})
        return Glass(
            settings,
            {REF: nothing},
            recorder=UNRECORDED,
            notifier=self,
            reopen=self.reopen,
            warn=self.steps.append,
            busy=lambda: self.busy,
            now=lambda: self.now,
        )

    def emergency(self, credentials: Sequence[EmergencyCredential], lend: Lend) -> Opener:
        self.lent.append(lend("token", credentials[0].fields["token"]))
        return nothing

    async def reopen(self, openers: Mapping[BackendRef, Opener]) -> None:
        self.steps.append("reopened")

    def tell(self, notice: Notice) -> None:
        raise AssertionError("it is pushed, not told")

    async def push(self, notice: Notice, *, within: float) -> bool:
        self.steps.append(f"pushed {notice.subject}")
        return True

    async def after(self, minutes: float) -> None:
        """Let time pass, minute by minute, giving the glass its turns."""
        for _ in range(int(minutes)):
            self.now += timedelta(minutes=1)
            for _ in range(5):
                await asyncio.sleep(0)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    real = asyncio.sleep

    async def soon(_: float) -> None:
        await real(0)

    monkeypatch.setattr("killswitch_console.authority.breakglass.asyncio.sleep", soon)
    monkeypatch.setattr("killswitch_console.authority.breakglass.harden", lambda: None)
    return World()


async def test_people_are_told_before_anything_is_opened(world: World) -> None:
    glass = world.glass()
    await glass.unseal(bytearray(b"x"), invoker=ME, reason="login is down", incident="INC-7")
    told = "pushed BREAK-GLASS: alice@bastion unseals emergency credentials for INC-7"
    assert world.steps == [told, "reopened"]
    assert world.lent[0].read_text() == "the-token"
    glass.close()
    assert glass.opening is None
    assert not world.lent[0].exists()


async def test_idle_glass_is_sealed_after_a_quarter_of_an_hour(world: World) -> None:
    glass = world.glass()
    await glass.unseal(bytearray(b"x"), invoker=ME, reason="r", incident=None)
    await world.after(14)
    assert glass.opening is not None
    await world.after(2)
    assert glass.opening is None
    assert world.steps[-2:] == ["reopened", "break-glass credentials were sealed again: it was idle"]
    assert not world.lent[0].exists()


async def test_glass_in_use_is_sealed_after_an_hour(world: World) -> None:
    glass = world.glass()
    await glass.unseal(bytearray(b"x"), invoker=ME, reason="r", incident=None)
    for _ in range(59):
        await world.after(1)
        glass.use()
    assert glass.opening is not None
    await world.after(2)
    assert glass.opening is None
    assert world.steps[-1].endswith("its hour is over")


async def test_a_halt_under_way_keeps_its_credentials(world: World) -> None:
    glass = world.glass()
    await glass.unseal(bytearray(b"x"), invoker=ME, reason="r", incident=None)
    world.busy = True
    await world.after(90)
    assert glass.opening is not None
    world.busy = False
    await world.after(1)
    assert glass.opening is None
