"""Two custodians for what is widest: who stands behind broken glass, and what a lone operator costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console_command import console
from killswitch_backends.emergency import EmergencyCredential, Lend
from killswitch_backends.simulator.launchdarkly import accounts
from killswitch_console.authority.breakglass import Glass
from killswitch_console.authority.glass_settings import GlassSettings
from killswitch_console.authority.invoker import Invoker
from killswitch_console.authority.opening import Opening, SecondCustodianNeeded
from killswitch_console.config import ConfigurationError, load_configuration
from killswitch_console.halting.sighting import Opener
from killswitch_console.notify.notice import Notice
from killswitch_console.vault.credential import Credential, CredentialKind, bundled
from killswitch_console.vault.vault import Probe, VaultLocked, VaultState
from killswitch_console.vault.vaults import NoVaultOpened
from killswitch_inventory.scopes import Scope, ScopeKind
from killswitch_inventory.targets import BackendRef
from simulated import running

REF = BackendRef("launchdarkly", "prod")
ME = Invoker(os_user="alice", uid=1, host="bastion")
GLOBAL, AGENT = Scope.parse("global"), Scope.parse("agent:refund-1")


@dataclass
class KeptBy:
    """A vault that its custodian's word opens."""

    custodian: str
    word: bytes
    place: str = "memory"

    @property
    def name(self) -> str:
        return f"of-{self.custodian}"

    async def probe(self) -> Probe:
        return Probe(VaultState.SEALED)

    async def unseal(self, passphrase: bytearray) -> bytearray:
        if passphrase != self.word:
            raise VaultLocked(self.name, "the passphrase does not open it")
        kind = CredentialKind.LAUNCHDARKLY_TOKEN
        return bundled([Credential(name="flags", kind=kind, backends=(str(REF),), fields={"token": "t"})])

    async def seal(self, content: bytearray, passphrase: bytearray) -> None:
        raise NotImplementedError


@asynccontextmanager
async def nothing() -> AsyncIterator[Any]:
    yield None


@dataclass
class Heard:
    """Records, tells and shows; keeps all of it."""

    recorded: list[str] = field(default_factory=list)
    told: list[Notice] = field(default_factory=list)
    shown: list[Opening | None] = field(default_factory=list)

    def note(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        self.recorded.append(kind)

    async def record(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        self.recorded.append(kind)

    require = record

    def tell(self, notice: Notice) -> None:
        self.told.append(notice)

    async def push(self, notice: Notice, *, within: float) -> bool:
        self.told.append(notice)
        return True

    def glass(self, *custodians: tuple[str, bytes]) -> Glass:
        def opener(credentials: Sequence[EmergencyCredential], lend: Lend) -> Opener:
            return nothing

        async def reopen(openers: Mapping[BackendRef, Opener]) -> None:
            return

        settings = GlassSettings(
            vaults=tuple(KeptBy(who, word) for who, word in custodians),
            openers={REF: opener},
            two_custodians=frozenset({ScopeKind.GLOBAL}),
        )
        return Glass(
            settings,
            {REF: nothing},
            recorder=self,
            notifier=self,
            reopen=reopen,
            warn=lambda _: None,
            busy=lambda: False,
            now=lambda: datetime(2026, 11, 22, tzinfo=UTC),
            changed=lambda opening, _: self.shown.append(opening),
        )


@pytest.fixture(autouse=True)
def no_hardening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("killswitch_console.authority.breakglass.harden", lambda: None)


TWO = (("ada", b"ada's word"), ("bob", b"bob's word"))


async def broken(glass: Glass, **more: Any) -> Opening:
    return await glass.unseal(bytearray(b"ada's word"), invoker=ME, reason="login is down", incident="INC-7", **more)


async def test_one_custodian_opens_the_glass_but_not_for_the_widest_scope() -> None:
    heard = Heard()
    glass = heard.glass(*TWO)
    await glass.admit(GLOBAL, invoker=ME, act="halt")  # with normal credentials there is nothing to countersign
    assert (await broken(glass)).custodians == ("ada",)
    await glass.admit(AGENT, invoker=ME, act="halt")
    with pytest.raises(SecondCustodianNeeded, match="takes two custodians; nothing was done"):
        await glass.admit(GLOBAL, invoker=ME, act="halt")
    assert "glass.alone" not in heard.recorded
    glass.close()
    assert heard.shown[-1] is None


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_second_custodian_may_come_at_once_or_later(at_once: bool) -> None:
    heard = Heard()
    glass = heard.glass(*TWO)
    if at_once:
        await broken(glass, second=bytearray(b"bob's word"))
    else:
        await broken(glass)
        await glass.countersign(bytearray(b"bob's word"))
        assert "glass.countersigned" in heard.recorded
    assert glass.opening is not None
    assert (glass.opening.custodians, glass.opening.countersigned) == (("ada", "bob"), True)
    await glass.admit(GLOBAL, invoker=ME, act="halt")
    assert "glass.alone" not in heard.recorded
    glass.close()


async def test_one_custodian_cannot_stand_for_two() -> None:
    glass = Heard().glass(*TWO)
    with pytest.raises(NoVaultOpened, match="of-bob: the passphrase does not open it"):
        await broken(glass, second=bytearray(b"ada's word"))
    assert glass.opening is None
    lone = Heard().glass(TWO[0])
    with pytest.raises(NoVaultOpened, match="no second custodian is configured"):
        await broken(lone, second=bytearray(b"ada's word"))
    with pytest.raises(NoVaultOpened, match="nothing to countersign"):
        await lone.countersign(bytearray(b"bob's word"))


async def test_a_lone_operator_goes_on_and_it_is_a_security_event() -> None:
    heard = Heard()
    glass = heard.glass(*TWO)
    await broken(glass, alone="bob does not answer, agents refund")
    assert "a lone operator, because: bob does not answer" in heard.told[0].text
    await glass.admit(GLOBAL, invoker=ME, act="halt")
    assert heard.recorded[-1] == "glass.alone"
    assert heard.told[-1].subject.startswith("LONE OPERATOR: alice@bastion does what takes two custodians: halt global")
    glass.close()


async def test_who_turns_out_to_be_alone_may_say_so_later() -> None:
    heard = Heard()
    glass = heard.glass(*TWO)
    with pytest.raises(NoVaultOpened, match="is sealed"):
        await glass.stand_alone("nobody answers")
    await broken(glass)
    await glass.stand_alone("nobody answers")
    await glass.admit(GLOBAL, invoker=ME, act="restore")
    assert heard.recorded[-2:] == ["glass.lone", "glass.alone"]
    glass.close()


def test_two_custodians_need_vaults_of_two(tmp_path: Path) -> None:
    one = '[[vault]]\nname = "a"\nkind = "sealed-file"\npath = "a.ksv"\ncustodian = "ada"\n'
    config = tmp_path / "config.toml"
    config.write_text('[breakglass]\ntwo_custodians = ["global"]\n' + one)
    with pytest.raises(ConfigurationError, match=r"needs .* of at least two custodians"):
        load_configuration(config)


TOKEN = "api-simulator-00000000-0000-4000-8000-00000000ba55"


async def test_two_custodians_as_people_type_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(accounts.CALLERS, TOKEN, accounts.Caller("break-glass", "5f00000000000000000000ba", True))
    vaults = "".join(
        f'[[vault]]\nname = "{who}"\nkind = "sealed-file"\npath = "{who}.ksv"\ncustodian = "{who}"\n'
        for who in ("ada", "bob")
    )
    async with running(agents=3, seed=2) as sim:
        sim.config_path.write_text(
            f'{sim.config_path.read_text()}{vaults}[breakglass]\ntwo_custodians = ["agent"]\n'
        )  # fmt: skip
        given = sim.tmp / "given"
        given.mkdir()
        (given / "token.json").write_text(f'{{"token": "{TOKEN}"}}')
        for who in ("ada", "bob"):
            (given / who).write_text(f"ocelot-granite-{who}-harbor\n")
        enrol = ("breakglass", "enrol", "flags", "--kind", "launchdarkly-token", "--for", "launchdarkly:sim")
        source = ("--from", str(given / "token.json"))
        both = await console(sim.config_path, *enrol, *source, "--passphrase-file", str(given / "ada"))
        assert (both.returncode, "several custodians: give --vault" in both.stderr) == (2, True), both.stderr
        for who in ("ada", "bob"):
            done = await console(
                sim.config_path, *enrol, *source, "--vault", who, "--passphrase-file", str(given / who)
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
        halt = (
            "halt",
            f"agent:{sim.specs[0].name}",
            "--reason",
            "down",
            "--incident",
            "INC-7",
            "--confirm",
            "yes",
            "--accept-collateral",
        )
        glass = ("--break-glass", "--passphrase-file", str(given / "ada"))
        refused = await console(sim.config_path, *halt, *glass)
        assert (refused.returncode, "takes two custodians; nothing was done" in refused.stderr) == (3, True)
        assert (await asyncio.to_thread(sim.truth))[sim.specs[0].name]["running"] > 0
        signed = await console(sim.config_path, *halt, *glass, "--second-passphrase-file", str(given / "bob"))
        assert signed.returncode == 0, signed.stderr
        assert "opened launchdarkly:sim by ada and bob" in signed.stderr
