"""Normal credentials revoked in mid-session: break-glass takes over, the halt completes, no secret is left behind."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from killswitch_backends.simulator.aws import OPERATOR_ACCESS_KEY_ID
from killswitch_backends.simulator.launchdarkly import accounts
from killswitch_backends.simulator.seams import Runtime
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.events import EngineEvent, Warned
from killswitch_console.vault.credential import Credential, CredentialKind, bundled
from killswitch_console.vault.register import Entry, Register
from killswitch_console.vault.sealed_file import SealedFile
from killswitch_console.vault.vaults import NoVaultOpened
from killswitch_inventory.scopes import Scope
from simulated import Simulated, eventually, running
from worldview import aws_client

PASSPHRASE = b"ocelot-granite-violin-seven-harbor"
GLASS_TOKEN = "api-simulator-00000000-0000-4000-8000-00000000ba55"
SERVICES = ["lambda:*", "iam:*", "tag:*", "cloudwatch:*", "sts:GetCallerIdentity"]


def allow(*actions: str, resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def glass_key(sim: Simulated) -> Mapping[str, str]:
    """A user that may only assume the halt role, and its key."""
    iam = aws_client(sim, "iam")
    user = iam.create_user(UserName="break-glass", Path="/emergency/")["User"]["Arn"]
    trust = {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="ks-halt", Path="/emergency/", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName="ks-halt", PolicyName="halt", PolicyDocument=allow(*SERVICES))
    iam.put_user_policy(UserName="break-glass", PolicyName="p", PolicyDocument=allow("sts:AssumeRole", resource=role))
    key = iam.create_access_key(UserName="break-glass")["AccessKey"]
    iam.close()
    return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"], "role_arn": role}


async def enrol(sim: Simulated) -> Mapping[str, str]:
    """Seal break-glass credentials for AWS and LaunchDarkly in a file, and configure it; the AWS key's fields."""
    key = await asyncio.to_thread(glass_key, sim)
    credentials = [
        Credential(name="aws", kind=CredentialKind.AWS_KEY, backends=("lambda:sim", "iam:sim"), fields=key),
        Credential(
            name="flags",
            kind=CredentialKind.LAUNCHDARKLY_TOKEN,
            backends=("launchdarkly:sim",),
            fields={"token": GLASS_TOKEN},
        ),
    ]
    vault = SealedFile("glass", sim.tmp / "glass.ksv")
    await vault.seal(bundled(credentials), bytearray(PASSPHRASE))
    sim.config_path.write_text(
        sim.config_path.read_text() + '[[vault]]\nname = "glass"\nkind = "sealed-file"\npath = "glass.ksv"\n'
    )
    return key


def revoke(sim: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the console normally acts with."""
    iam = aws_client(sim, "iam")
    iam.delete_access_key(UserName="killswitch-operator", AccessKeyId=OPERATOR_ACCESS_KEY_ID)
    iam.close()
    monkeypatch.setitem(accounts.CALLERS, GLASS_TOKEN, accounts.Caller("break-glass", "5f00000000000000000000ba", True))
    monkeypatch.delitem(accounts.CALLERS, accounts.TOKEN)


def left_behind(sim: Simulated) -> list[str]:
    """This process's environment and arguments, and every file of the session: trail and ledger too."""
    files = [Path("/proc/self/environ"), Path("/proc/self/cmdline"), *sim.tmp.rglob("*")]
    return [path.read_bytes().decode(errors="replace") for path in files if path.is_file()]


def no_core(_: object = None) -> None:
    """Keep the test process debuggable: hardening has a test of its own."""


async def test_break_glass_takes_over_when_normal_credentials_are_revoked_in_mid_session(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("killswitch_console.authority.breakglass.harden", no_core)
    caplog.set_level(logging.DEBUG)
    events: list[EngineEvent] = []
    async with running(agents=9, seed=3) as sim:
        key = await enrol(sim)
        spec = sim.spec(Runtime.LAMBDA)
        await sim.all_acting(spec.name)
        settings = engine_settings(load_configuration(sim.config_path))
        register = Register(sim.config_path.parent / "state" / "breakglass.json")
        async with open_engine(settings, events.append) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse(f"agent:{spec.name}"))
            await asyncio.to_thread(revoke, sim, monkeypatch)
            caplog.clear()  # this test's own client made the key, and botocore logs answers when asked for so much
            me = current_invoker()

            failed = await engine.halt(plan, invoker=me, reason="runaway", accept_collateral=True, timeout=20)
            assert failed.verdict == "incomplete"
            assert {t.state for t in failed.targets if t.target.backend.kind == "lambda"} == {"failed"}
            assert sim.truth()[spec.name]["running"] > 0

            with pytest.raises(NoVaultOpened, match="vault glass: the passphrase does not open it"):
                await engine.break_glass(bytearray(b"wrong"), invoker=me, reason="login is down", incident="INC-7")
            passphrase = bytearray(PASSPHRASE)
            opening = await engine.break_glass(passphrase, invoker=me, reason="login is down", incident="INC-7")
            assert set(map(str, opening.backends)) == {"lambda:sim", "iam:sim", "launchdarkly:sim"}
            assert opening.unopened == ("kubernetes:sim",)

            halted = await engine.resume(failed.header.halt_id, invoker=me, timeout=60)
            assert halted.verdict == "stopped", [(str(t.target), t.state, t.error) for t in halted.targets]
            assert sim.truth()[spec.name]["running"] == 0
            names = {name.backend: name.name for name in await engine.gate.identify()}
            assert "assumed-role/ks-halt/killswitch-break-glass" in names["lambda:sim"]
            assert names["launchdarkly:sim"] == "break-glass"

            await engine.glass.seal("the test is over")
            assert engine.glass.opening is None
            await eventually(lambda: any("iam" in str(v.ref) for v in engine.fleet.blind), within=10)
        secrets = [key["secret_access_key"], GLASS_TOKEN, PASSPHRASE.decode()]
        shown = [repr(events), caplog.text, str(opening), repr(settings), *await asyncio.to_thread(left_behind, sim)]
        assert [secret for secret in secrets for text in shown if secret in text] == []
        assert register.entries() == ()
        assert not [e for e in events if isinstance(e, Warned) and "could not be noted" in e.text]


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
