"""One night, as a reviewer finds it: every kind of deed is in the trail, listed, shown, reported, exported."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from killswitch_backends.simulator.launchdarkly import accounts
from killswitch_console.assembling import engine_settings
from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.page import page
from killswitch_console.audit.reading import Selection, selected
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.cli.main import main
from killswitch_console.config import load_configuration
from killswitch_console.drills.noting import note_drill
from killswitch_console.halting.approving import ApprovalNeeded
from killswitch_console.halting.engine import open_engine
from killswitch_console.vault.credential import Credential, CredentialKind, bundled
from killswitch_console.vault.sealed_file import SealedFile
from killswitch_console.vault.vaults import NoVaultOpened
from killswitch_inventory.scopes import Scope
from simulated import running
from trails import verifier_of

PASSPHRASE = b"ocelot-granite-violin-seven-harbor"

DEEDS = {
    "trail.created", "session.started", "session.identity", "session.ended", "plan.shown", "action.refused",
    "glass.breaking", "glass.unsealed", "glass.sealed", "halt.confirmed", "halt.intent", "target.call", "target.state",
    "halt.ended", "restore.approved", "restore.confirmed", "restore.ended", "drill.started", "drill.ended",
    "audit.exported",
}  # fmt: skip


def configured(path: Path) -> None:
    """Flags alone (they are quick), break-glass credentials, and a restore that takes two."""
    document = tomllib.loads(path.read_text())
    (flags,) = document["launchdarkly"]
    table = "".join(f"{key} = {json.dumps(value)}\n" for key, value in flags.items())
    path.write_text(
        f'environment = "simulator"\nstate_dir = {json.dumps(document["state_dir"])}\n'
        f'[[launchdarkly]]\n{table}[[vault]]\nname = "glass"\nkind = "sealed-file"\npath = "glass.ksv"\n'
        '[restore]\ntwo_person = ["global"]\n[audit]\nrecording = "off"\n'
    )


async def a_night(config: Path) -> str:
    """Misuse, break-glass, a halt, a restore that takes two, a drill, an export; the halt's id."""
    arguments = ["--config", str(config)]
    halt = ["halt", "global", "--reason", "x", "--confirm", "the wrong words", "--accept-collateral", *arguments]
    assert await asyncio.to_thread(main, halt) == 3
    fields = {"token": accounts.TOKEN}
    kind = CredentialKind.LAUNCHDARKLY_TOKEN
    credential = Credential(name="flags", kind=kind, backends=("launchdarkly:sim",), fields=fields)
    await SealedFile("glass", config.parent / "glass.ksv").seal(bundled([credential]), bytearray(PASSPHRASE))
    configuration = load_configuration(config)
    me = current_invoker()
    async with open_engine(engine_settings(configuration), lambda _: None) as engine:
        await engine.discover()
        with pytest.raises(NoVaultOpened):
            await engine.break_glass(bytearray(b"wrong"), invoker=me, reason="login is down", incident="INC-7")
        await engine.break_glass(bytearray(PASSPHRASE), invoker=me, reason="login is down", incident="INC-7")
        plan = await engine.plan(Scope.parse("global"))
        halted = await engine.halt(
            plan, invoker=me, reason="runaway", incident="INC-7", accept_collateral=True, timeout=30
        )
        halt_id = halted.header.halt_id
        with pytest.raises(ApprovalNeeded):
            await engine.restore(halt_id, invoker=me, reason="over", timeout=30)
        await engine.approve(halt_id, invoker=replace(me, os_user="second", uid=4711, sudo_user=None))
        await engine.restore(halt_id, invoker=me, reason="over", timeout=30)
    for said in ("drill.started", "drill.ended"):
        assert await note_drill(configuration, said, {"scenario": "refund-runaway"}) == ""
    out = ["audit", "export", "--format", "csv", "--output", str(config.parent / "out.csv"), *arguments]
    assert await asyncio.to_thread(main, out) == 0
    return halt_id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def night() -> AsyncIterator[tuple[Path, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("killswitch_console.authority.breakglass.harden", lambda _=None: None)
        async with running(agents=3, seed=2) as sim:
            configured(sim.config_path)
            yield sim.config_path, await a_night(sim.config_path)


def told(night: tuple[Path, str], capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words, "--config", str(night[0])]) == 0
    return capsys.readouterr().out


def test_every_deed_is_listed(night: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    events = json.loads(told(night, capsys, "audit", "list", "--limit", "10000", "--json"))
    kinds = {event["kind"] for event in events}
    assert kinds >= DEEDS, DEEDS - kinds
    lines = told(night, capsys, "audit", "list", "--limit", "10000").splitlines()
    assert len(lines) == len(events) + 1
    refused = [event["data"]["why"] for event in events if event["kind"] == "action.refused"]
    assert "the confirmation is missing or wrong" in refused
    assert "the wrong words" not in json.dumps(events), "what was typed is nobody's business"
    assert PASSPHRASE.decode() not in json.dumps(events)
    assert accounts.TOKEN not in json.dumps(events)
    approvers = {e["data"]["approver"]["os_user"] for e in events if e["kind"] == "restore.approved"}
    assert approvers == {"second"}


def test_the_halt_is_shown_from_its_confirmation_to_its_restore(
    night: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    events = json.loads(told(night, capsys, "audit", "show", night[1], "--json"))
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "halt.confirmed"
    places = [kinds.index(kind) for kind in ("halt.intent", "target.call", "halt.ended", "restore.approved")]
    assert places == sorted(places)
    assert kinds.index("restore.confirmed") > kinds.index("restore.approved")
    assert {event["incident"] for event in events} == {"INC-7"}


def test_it_is_whole_and_reads_as_a_page(night: tuple[Path, str]) -> None:
    directory = TrailDirectory(load_configuration(night[0]).state_dir / "audit")
    (report,) = verify_directory(directory, verifier_of(directory), {})
    assert report.findings == []
    text = page(selected(directory, Selection()), title="night", footer=[])
    for kind in DEEDS:
        assert f">{kind}<" in text


def test_the_report_counts_it(night: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(told(night, capsys, "report"))
    assert [one["count"] for one in document["invocations"]] == [1]
    assert [one["count"] for one in document["restores"]] == [1]
    assert sum(document["refused"].values()) >= 1
    assert document["drill_recency"]["simulator"]["due"] is False
    assert document["events"]["audit.exported"] == 2, "the export, and this report"
