"""Every occasion on which people elsewhere are told, from a real engine to a real receiver; and what never goes out."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from killswitch_backends.simulator.seams import Runtime
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import Invoker, current_invoker
from killswitch_console.authority.roles import NotAuthorised
from killswitch_console.config import load_configuration
from killswitch_console.drills.clock import DrillClock
from killswitch_console.drills.seat import drill_settings
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.vault.credential import Credential, CredentialKind, bundled
from killswitch_console.vault.sealed_file import SealedFile
from killswitch_console.vault.vaults import NoVaultOpened
from killswitch_inventory.scopes import Scope
from pager import pager, silent_pager
from simulated import Simulated, eventually, running
from worldview import aws_client

PASSPHRASE = b"ocelot-granite-violin-seven-harbor"
TOKEN = "api-simulator-00000000-0000-4000-8000-00000000ba55"
PASTED = "api-01234567-89ab-cdef-0123-456789abcdef"
"""A token that somebody put into a reason."""
STRANGER = Invoker(os_user="mallory", uid=4242, host="bastion")


async def arranged(sim: Simulated, url: str) -> None:
    """A pager, a role for whoever runs this, an objective that nothing can meet, a vault."""
    token = {"token": TOKEN}
    kind, backends = CredentialKind.LAUNCHDARKLY_TOKEN, ("launchdarkly:sim",)
    credential = Credential(name="flags", kind=kind, backends=backends, fields=token)
    await SealedFile("glass", sim.tmp / "glass.ksv").seal(bundled([credential]), bytearray(PASSPHRASE))
    sim.config_path.write_text(
        f"{sim.config_path.read_text()}"
        f'[notify]\nurls = ["{url}"]\n[slo]\nagent = 0.05\n[[vault]]\nname = "glass"\nkind = "sealed-file"\n'
        f'path = "glass.ksv"\n[authority]\n[[authority.role]]\nname = "on-call"\n'
        f'principals = ["os:{getpass.getuser()}"]\nscopes = ["global"]\n'
    )


def wake(sim: Simulated, function: str) -> None:
    """Let a halted function run again, behind the console's back."""
    client = aws_client(sim, "lambda")
    client.delete_function_concurrency(FunctionName=function)
    client.close()


@asynccontextmanager
async def holding(engine: Engine) -> Any:
    task = asyncio.create_task(engine.hold(), name="hold")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_each_occasion_is_told_and_nothing_secret_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("killswitch_console.authority.breakglass.harden", lambda: None)
    async with running(agents=4, seed=3) as sim:
        with pager() as (url, heard):
            await arranged(sim, url)
            settings, me = engine_settings(load_configuration(sim.config_path)), current_invoker()
            spec = sim.spec(Runtime.LAMBDA)

            def titles() -> str:
                return "\n".join(notice["title"] for notice in heard)

            async with open_engine(settings, lambda _: None) as engine, holding(engine):
                await engine.discover()
                plan = await engine.plan(Scope.parse(f"agent:{spec.name}"))
                with pytest.raises(NotAuthorised):
                    await engine.halt(plan, invoker=STRANGER, reason="mine", accept_collateral=True)
                reason = f"runaway, see {PASTED}"
                record = await engine.halt(plan, invoker=me, reason=reason, accept_collateral=True, timeout=60)
                assert record.verdict == "stopped"
                (function,) = [t.target.path for t in record.targets if t.target.backend.kind == "lambda"]
                await asyncio.to_thread(wake, sim, function)
                await eventually(lambda: "came back" in titles(), within=40)
                with pytest.raises(NoVaultOpened):
                    await engine.break_glass(bytearray(b"wrong"), invoker=me, reason="login is down", incident="INC-7")
                await engine.restore(record.header.halt_id, invoker=me, reason="mended", timeout=60)
            told = titles()
        scope = f"agent:{spec.name}"
        assert f"REFUSED: mallory@bastion may not halt {scope}" in told
        assert f"halt of {scope} in simulator by {me} (1 agent)" in told
        assert f"halt of {scope} in simulator is not proven within 0.05 s" in told
        assert f"1 halted target of {scope} in simulator came back" in told
        assert f"BREAK-GLASS: {me} unseals emergency credentials for INC-7" in told
        assert f"restore of {scope} in simulator by {me}" in told
        assert told.count("is not proven within") == 1
        assert [n for n in heard for secret in (PASTED, TOKEN, PASSPHRASE.decode()) if secret in repr(n)] == []
        assert "runaway, see [secret]" in repr(heard)


async def test_a_halt_waits_for_no_pager_and_what_was_not_told_is_recorded() -> None:
    async with running(agents=4, seed=3) as sim, silent_pager() as url:
        await arranged(sim, url)
        settings, noted = engine_settings(load_configuration(sim.config_path)), list[str]()
        async with open_engine(settings, lambda _: None) as engine:
            await engine.discover()
            record_note = engine.recorder.note

            def note(kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
                noted.append(kind)
                record_note(kind, data, halt_id=halt_id)

            engine.notifier._recorder.note = note  # type: ignore[attr-defined]
            plan = await engine.plan(Scope.parse(f"agent:{sim.spec(Runtime.KUBERNETES).name}"))
            record = await engine.halt(plan, invoker=current_invoker(), reason="runaway", accept_collateral=True)
            assert record.verdict == "stopped"
            proven = max(t.stopped_at for t in record.targets if t.stopped_at)
            assert (proven - record.header.invoked_at).total_seconds() < 60
            await eventually(lambda: "notify.failed" in noted, within=30)


async def test_a_drill_tells_nobody_and_opens_no_vault() -> None:
    async with running(agents=4, seed=3) as sim:
        with pager() as (url, heard):
            await arranged(sim, url)
            configuration = load_configuration(sim.config_path)
            assert engine_settings(configuration).glass.vaults, "this configuration names a vault"
            clock = DrillClock(datetime.now(UTC))
            settings = drill_settings(configuration, clock, lambda *_: None).engine
            async with open_engine(settings, lambda _: None, clock.moment) as engine:
                await engine.discover()
                me = current_invoker()
                plan = await engine.plan(Scope.parse(f"agent:{sim.spec(Runtime.KUBERNETES).name}"))
                record = await engine.halt(plan, invoker=me, reason="exercise", accept_collateral=True, timeout=60)
                assert (record.verdict, record.header.drill) == ("stopped", True)
                with pytest.raises(NoVaultOpened, match=r"no \[\[vault\]\] is configured"):
                    await engine.break_glass(bytearray(PASSPHRASE), invoker=me, reason="exercise", incident="DRILL-1")
            assert heard == []
