"""``audit`` and ``report`` as people type them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from killswitch_console.audit.reading import Selection, selected
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.cli.main import main
from trails import drafts, recording, trail_of, unguarded


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with a trail of one small halt."""
    path = tmp_path / "config.toml"
    path.write_text('environment = "test"\nstate_dir = "state"\n')

    async def fill() -> None:
        async with recording(TrailDirectory(tmp_path / "state" / "audit")) as recorder:
            await recorder.require("halt.confirmed", {"scope": "global", "incident": "INC-1"}, halt_id="h-1")
            await recorder.require("target.state", {"target": "lambda:prod/x\x1b[31m"}, halt_id="h-1")

    asyncio.run(fill())
    return path


def audit(config: Path, *arguments: str) -> int:
    return main(["audit", *arguments, "--config", str(config)])


def directory(config: Path) -> TrailDirectory:
    return TrailDirectory(config.parent / "state" / "audit")


def test_list_filters_and_shows_nothing_alive(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(config, "list", "--incident", "INC-1", "--since", "1h") == 0
    out = capsys.readouterr().out
    assert [line.split()[2] for line in out.splitlines()[1:]] == ["halt.confirmed", "target.state"]
    assert "\x1b" not in out
    assert audit(config, "list", "--json", "--kind", "halt.", "--by", "responder") == 0
    assert [event["kind"] for event in json.loads(capsys.readouterr().out)] == ["halt.confirmed"]
    assert audit(config, "list", "--since", "2099-01-01T00:00:00Z", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_show_an_event_and_a_halt(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(config, "show", "1") == 0
    assert json.loads(capsys.readouterr().out)["seq"] == 1
    assert audit(config, "show", "h-1", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert audit(config, "show", "nothing") == 2
    assert "nothing" in capsys.readouterr().err


def test_verify_says_whole_cannot_tell_and_tampered(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(config, "verify") == 0
    assert "WHOLE" in capsys.readouterr().out
    trail = directory(config)
    key = trail.verifier_file.read_text()
    trail.verifier_file.unlink()
    assert audit(config, "verify") == 4
    assert audit(config, "verify", "--key", key) == 0
    capsys.readouterr()
    path = trail.current()
    assert path is not None
    with unguarded(path) as connection:
        connection.execute("UPDATE event SET actor = 'somebody else' WHERE seq = 3")
    assert audit(config, "verify", "--key", key, "--json") == 5
    report = json.loads(capsys.readouterr().out)
    assert report["standing"] == "tampered"
    assert report["volumes"][0]["findings"][0]["where"] == "event 3"


def test_export_is_recorded_before_it_happens(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bundle.zip"
    assert audit(config, "export", "--format", "bundle") == 2
    assert audit(config, "export", "--format", "bundle", "--halt", "h-1", "-o", str(out)) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert audit(config, "verify", str(out)) == 0
    capsys.readouterr()
    assert audit(config, "list", "--kind", "audit.exported", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["data"]["selection"] == {"halt": "h-1"}


def test_an_export_is_refused_when_it_cannot_be_recorded(config: Path, tmp_path: Path) -> None:
    path = directory(config).current()
    assert path is not None
    with unguarded(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert audit(config, "export", "-o", str(tmp_path / "out.jsonl")) == 2
        connection.execute("ROLLBACK")
    assert not (tmp_path / "out.jsonl").exists()


def test_rotation_continues_and_a_backup_verifies(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trail = directory(config)
    first = trail.current()
    assert audit(config, "rotate") == 0
    assert trail.current() != first

    async def more() -> None:
        async with trail_of(trail) as (opened, session):
            await opened.append(drafts(session, 5))

    asyncio.run(more())
    assert audit(config, "verify") == 0
    assert audit(config, "backup", str(tmp_path / "copy")) == 0
    assert audit(config, "verify", str(tmp_path / "copy")) == 0
    assert audit(config, "backup", str(tmp_path / "copy")) == 4, "it must not exist yet"
    capsys.readouterr()
    assert first is not None
    first.unlink()
    assert audit(config, "verify") == 4
    assert "is not here" in capsys.readouterr().out
    (tmp_path / "copy" / first.name).rename(first)
    with unguarded(first) as connection:
        connection.execute("DELETE FROM event WHERE seq = 4")
        connection.execute("DELETE FROM checkpoint")
        connection.execute("UPDATE head SET note = NULL")
    assert audit(config, "verify") == 5


def test_a_trail_that_does_not_exist_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.toml"
    path.write_text('state_dir = "nowhere"\n')
    for arguments in (("list",), ("verify",), ("sync",), ("export",)):
        assert audit(path, *arguments) == 2
    assert "there is no audit trail" in capsys.readouterr().err


def test_wrong_tables_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.toml"
    for text in (
        '[audit]\nkey = "literal"',
        "[audit]\nunknown = 1",
        '[audit.webhook]\nurl = "ftp://x"\nsecret = "env:X"',
    ):
        path.write_text(text + "\n")
        assert audit(path, "list") == 2
        assert "audit" in capsys.readouterr().err


def test_report(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--config", str(config), "--since", "7d"]) == 0
    assert sum(i["count"] for i in json.loads(capsys.readouterr().out)["invocations"]) == 1
    assert main(["report", "--config", str(config), "--format", "html"]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")
    events = selected(directory(config), Selection())
    said = [event.fields["data"] for event in events if event.fields["kind"] == "audit.exported"]
    assert [(one["what"], one["format"], one["output"]) for one in said] == [
        ("report", "json", None),
        ("report", "html", None),
    ]
    assert list(said[0]["selection"]) == ["since"]


def test_a_report_that_cannot_be_noted_is_not_made(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in directory(config).path.iterdir():
        if path.suffix.startswith(".sqlite"):
            path.unlink()
            path.mkdir()
    assert main(["report", "--config", str(config)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "the audit trail cannot be written" in told.err
