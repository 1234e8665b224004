"""Normal credentials revoked in mid-session: break-glass takes over, the halt completes, no secret is left behind."""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from certified_cluster import Front, certified
from emergency import glass_key
from killswitch_backends.simulator.aws import OPERATOR_ACCESS_KEY_ID
from killswitch_backends.simulator.launchdarkly import accounts
from killswitch_backends.simulator.seams import FLAG_ENVIRONMENT, PROJECT
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.events import EngineEvent, GlassChanged, Warned
from killswitch_console.vault.credential import Credential, CredentialKind, bundled
from killswitch_console.vault.register import Entry, Register
from killswitch_console.vault.sealed_file import SealedFile
from killswitch_console.vault.vaults import NoVaultOpened
from killswitch_inventory.scopes import Scope
from simulated import Simulated, eventually, running
from worldview import aws_client

PASSPHRASE = b"ocelot-granite-violin-seven-harbor"
GLASS_TOKEN = "api-simulator-00000000-0000-4000-8000-00000000ba55"


async def sealed(sim: Simulated, *credentials: Credential) -> None:
    """Seal credentials in a file, and configure it."""
    vault = SealedFile("glass", sim.tmp / "glass.ksv")
    await vault.seal(bundled(credentials), bytearray(PASSPHRASE))
    sim.config_path.write_text(
        sim.config_path.read_text() + '[[vault]]\nname = "glass"\nkind = "sealed-file"\npath = "glass.ksv"\n'
    )


async def enrol(sim: Simulated, front: Front) -> tuple[str, ...]:
    """Seal a credential for each platform; what of them is secret."""
    key = await asyncio.to_thread(glass_key, sim)
    client = front.authority.issue("break-glass", organisation="ks-operators")
    cluster = {"server": front.url, "certificate": client.certificate, "key": client.key}
    await sealed(
        sim,
        Credential(name="aws", kind=CredentialKind.AWS_KEY, backends=("lambda:sim", "iam:sim"), fields=key),
        Credential(
            name="flags",
            kind=CredentialKind.LAUNCHDARKLY_TOKEN,
            backends=("launchdarkly:sim",),
            fields={"token": GLASS_TOKEN},
        ),
        Credential(
            name="cluster",
            kind=CredentialKind.KUBERNETES_CERTIFICATE,
            backends=("kubernetes:sim",),
            fields={**cluster, "authority": front.authority.own.certificate},
        ),
    )
    return key["secret_access_key"], client.key.splitlines()[1], GLASS_TOKEN


def revoke(sim: Simulated, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away all that the console normally acts with."""
    iam = aws_client(sim, "iam")
    iam.delete_access_key(UserName="killswitch-operator", AccessKeyId=OPERATOR_ACCESS_KEY_ID)
    iam.close()
    front.revoke(sim)
    monkeypatch.setitem(accounts.CALLERS, GLASS_TOKEN, accounts.Caller("break-glass", "5f00000000000000000000ba", True))
    monkeypatch.delitem(accounts.CALLERS, accounts.TOKEN)


def left_behind(sim: Simulated) -> list[str]:
    """This process's environment and arguments, and every file of the session: trail and ledger too."""
    files = [Path("/proc/self/environ"), Path("/proc/self/cmdline"), *sim.tmp.rglob("*")]
    return [path.read_bytes().decode(errors="replace") for path in files if path.is_file()]


def no_core(_: object = None) -> None:
    """Keep the test process debuggable: hardening has a test of its own."""


async def test_break_glass_takes_over_on_every_platform_when_normal_credentials_are_revoked_in_mid_session(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A client certificate over TLS, a role assumed with its own key, a service token: the global halt completes."""
    monkeypatch.setattr("killswitch_console.authority.breakglass.harden", no_core)
    caplog.set_level(logging.DEBUG)
    events: list[EngineEvent] = []
    async with running(agents=6, seed=3) as sim, certified(sim, sim.tmp, ["break-glass"]) as front:
        secrets = await enrol(sim, front)
        await sim.all_acting()
        settings = engine_settings(load_configuration(sim.config_path))
        register = Register(sim.config_path.parent / "state" / "breakglass.json")
        async with open_engine(settings, events.append) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("global"))
            assert {t.target.backend.kind for t in plan.targets} == {"kubernetes", "lambda", "iam", "launchdarkly"}
            await asyncio.to_thread(revoke, sim, front, monkeypatch)
            caplog.clear()  # this test's own client made the key, and botocore logs answers when asked for so much
            me = current_invoker()

            failed = await engine.halt(plan, invoker=me, reason="runaway", accept_collateral=True, timeout=20)
            assert failed.verdict == "incomplete"
            assert {t.state for t in failed.targets} == {"failed"}
            await sim.all_acting()  # not what runs at this moment: a function is idle between two invocations

            with pytest.raises(NoVaultOpened, match="vault glass: the passphrase does not open it"):
                await engine.break_glass(bytearray(b"wrong"), invoker=me, reason="login is down", incident="INC-7")
            assert front.users == []
            passphrase = bytearray(PASSPHRASE)
            opening = await engine.break_glass(passphrase, invoker=me, reason="login is down", incident="INC-7")
            assert {ref.kind for ref in opening.backends} == {"kubernetes", "lambda", "iam", "launchdarkly"}
            assert opening.unopened == ()

            halted = await engine.resume(failed.header.halt_id, invoker=me, timeout=90)
            assert halted.verdict == "stopped", [(str(t.target), t.state, t.error) for t in halted.targets]
            assert all(agent["running"] == 0 for agent in (await asyncio.to_thread(sim.truth)).values())
            assert set(front.users) == {"break-glass"}
            names = {name.backend: name.name for name in await engine.gate.identify()}
            assert "assumed-role/ks-halt/killswitch-break-glass" in names["lambda:sim"]
            assert names["launchdarkly:sim"] == "break-glass"

            await engine.glass.seal("the test is over")
            assert engine.glass.opening is None
            await eventually(lambda: len(engine.fleet.blind) == 4, within=20)
        shown = [repr(events), caplog.text, str(opening), repr(settings), *await asyncio.to_thread(left_behind, sim)]
        everything = [*secrets, PASSPHRASE.decode()]
        assert [number for number, secret in enumerate(everything) for text in shown if secret in text] == []
        assert register.entries() == ()
        assert not [e for e in events if isinstance(e, Warned) and "could not be noted" in e.text]
        told = [event for event in events if isinstance(event, GlassChanged)]
        assert (told[0].opening is not None, told[-1].opening, told[-1].why) == (True, None, "the test is over")


async def test_triggers_turn_flags_off_when_the_token_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two triggers for two flags, no token: what the console saw before is halted, and its SDK client proves it."""
    monkeypatch.setattr("killswitch_console.authority.breakglass.harden", no_core)
    async with running(agents=3, seed=5) as sim:
        flags = [f"{spec.name}-enabled" for spec in sim.specs[:2]]
        urls = {flag: await make_trigger(sim, flag) for flag in flags}
        await sealed(
            sim,
            *(
                Credential(
                    name=flag,
                    kind=CredentialKind.TRIGGER_URL,
                    backends=("launchdarkly:sim",),
                    fields={"url": url, "flag": flag},
                )
                for flag, url in urls.items()
            ),
        )
        settings = engine_settings(load_configuration(sim.config_path))
        async with open_engine(settings, lambda _: None) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("global"))
            monkeypatch.delitem(accounts.CALLERS, accounts.TOKEN)
            me = current_invoker()
            opening = await engine.break_glass(bytearray(PASSPHRASE), invoker=me, reason="no token", incident="INC-8")
            assert set(opening.credentials) == set(flags)
            halted = await engine.halt(plan, invoker=me, reason="runaway", accept_collateral=True, timeout=30)
            states = {t.target.path: t for t in halted.targets if t.target.backend.kind == "launchdarkly"}
            for flag in flags:
                assert states[flag].state == "stopped", states[flag].error
            (other,) = states.keys() - set(flags)
            assert states[other].state == "failed"
        assert sim.counts()["launchdarkly.trigger"] == 2
        left = await asyncio.to_thread(left_behind, sim)
        assert [flag for flag, url in urls.items() for text in left if url in text] == []


async def make_trigger(sim: Simulated, flag: str) -> str:
    """A trigger that turns a flag off; its URL."""
    body = {"instructions": [{"kind": "turnFlagOff"}], "integrationKey": "generic-trigger"}
    url = f"{sim.url}/launchdarkly/api/v2/flags/{PROJECT}/{flag}/triggers/{FLAG_ENVIRONMENT}"
    headers = {"Authorization": accounts.TOKEN, "LD-API-Version": "20240415"}
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["triggerURL"])


async def test_what_was_used_is_to_be_rotated(tmp_path: Path) -> None:
    register = Register(tmp_path / "breakglass.json")
    now = datetime.now(UTC)
    made = now - timedelta(days=3)
    entry = Entry(name="aws", kind=CredentialKind.AWS_KEY, backends=("iam:p",), vaults=("glass",), enrolled_at=made)
    register.put(entry)
    register.tested("aws", now, passed=True)
    assert [e.health(now)[0] for e in register.entries()] == ["green"]
    assert register.entries()[0].health(now + timedelta(days=78))[0] == "amber"
    assert register.entries()[0].health(now + timedelta(days=88))[0] == "red"
    register.used(["aws"], now)
    assert register.entries()[0].health(now) == ("red", f"it was used on {now:%Y-%m-%d}: rotate it")
    register.put(replace(entry, enrolled_at=now, tested_at=now, test_passed=True))
    assert register.entries()[0].health(now)[0] == "green"
    assert oct((tmp_path / "breakglass.json").stat().st_mode & 0o777) == "0o600"


async def test_a_hardened_process_can_still_read_what_it_lent_itself() -> None:
    """The SDKs open memory files through /proc/self, also in an account's process that nobody may look into."""
    program = (
        "import threading, resource, os\n"
        "from killswitch_console.vault.memory import PrivateMemory, harden\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "harden()\n"
        "memory = PrivateMemory()\n"
        "path = memory.lend('x', 'the secret')\n"
        "seen = []\n"
        "thread = threading.Thread(target=lambda: seen.append((path.read_text(), path.read_text())))\n"
        "thread.start(); thread.join()\n"
        "assert seen == [('the secret', 'the secret')], seen\n"
        "assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)\n"
        "memory.wipe()\n"
        "assert not path.exists()\n"
        "print('ok', os.getuid() != 0)\n"
    )
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=pipe, stderr=pipe)
    out, err = await child.communicate()
    assert out.decode().split() == ["ok", "True"], err.decode()
