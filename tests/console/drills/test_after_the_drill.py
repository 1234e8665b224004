"""What is made of a drill that was played: report, trend, replay, cadence. One drill serves all of it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from killswitch_console.authority.invoker import Invoker
from killswitch_console.cli.main import main
from killswitch_console.config import load_configuration
from killswitch_console.drills.cadence import cadence, last_drilled
from killswitch_console.drills.facing import Noted
from killswitch_console.drills.homes import SHIPPED, drills_home, new_folder
from killswitch_console.drills.log import read_log
from killswitch_console.drills.players import PlayerKind
from killswitch_console.drills.playing import play
from killswitch_console.drills.reading import read_scenario
from killswitch_console.drills.reporting import write_reports
from killswitch_console.drills.scoring import score
from killswitch_console.drills.truthkeeping import Claim
from killswitch_console.tui.signing import Glance
from killswitch_console.tui.signs.drill_due import SIGN
from killswitch_console.tui.state import ConsoleState

ALICE = Invoker(os_user="alice", uid=1000, host="bastion-1")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a drill that the perfect player played."""
    path = SHIPPED / "runaway-refund-agent.toml"
    folder = new_folder(tmp_path_factory.mktemp("drills"), read_scenario(path), path.read_text())
    play(read_scenario(path), folder, PlayerKind.PERFECT)
    return folder


def test_report_says_what_was_expected_and_what_came(played: Path) -> None:
    markdown, page = (path.read_text() for path in write_reports(played))
    for text in (markdown, page):
        assert "PASSED, 100%" in text
        assert "halt.confirmed agent:refund-7 within 90 s of alert" in text
        assert "Improvement plan" in text
    assert "(agrees with the log)" in markdown
    assert "was verified for this report: whole: " in markdown
    assert "scripted: perfect" in markdown
    svgs = [part.partition("</svg>")[0] + "</svg>" for part in page.split("<svg")[1:]]
    assert len(svgs) == 2
    for svg in svgs:
        assert len(ET.fromstring("<svg" + svg)) > 5
    assert "<script" not in page


def test_report_shows_a_log_that_was_changed(played: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(played, tmp_path / "changed"))
    log = changed / "log.jsonl"
    log.write_text(log.read_text().replace("agent:refund-7", "agent:refund-8", 1))
    assert "DOES NOT AGREE with the log" in write_reports(changed)[0].read_text()
    assert main(["drill", "replay", str(changed), "--verify"]) == 5
    assert main(["drill", "replay", str(played), "--verify"]) == 0


def test_report_shows_a_trail_that_was_changed(played: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(played, tmp_path / "changed"))
    (volume,) = (changed / "state/audit").glob("*.sqlite3")
    with closing(sqlite3.connect(volume)) as trail, trail:
        triggers = [row[0] for row in trail.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for name in triggers:
            trail.execute(f"DROP TRIGGER {name}")
        forged = "CAST(replace(CAST(body AS TEXT), 'refund-7', 'refund-8') AS BLOB)"
        trail.execute(f"UPDATE event SET body = {forged} WHERE kind = 'halt.confirmed'")
    report = write_reports(changed)[0].read_text()
    assert "was verified for this report: tampered" in report
    assert "FOUND IN THE TRAIL: " in report


def test_improvements_have_an_owner_and_a_date(
    played: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(played, tmp_path / "copy"))
    words = ["--improve", "page the second shift too", "--owner", "Mia", "--due", "2027-03-31"]
    assert main(["drill", "report", str(copy), *words]) == 0
    assert "| page the second shift too | Mia | 2027-03-31 |" in (copy / "report.md").read_text()
    assert main(["drill", "report", str(copy), "--improve", "x", "--due", "soon"]) == 2
    assert "soon" in capsys.readouterr().err


def test_names_in_a_report_are_text(played: Path, tmp_path: Path) -> None:
    hostile = Path(shutil.copytree(played, tmp_path / "hostile"))
    scenario = hostile / "scenario.toml"
    scenario.write_text(scenario.read_text().replace("One runaway", "<img src=x onerror=1> \\u001b[31m | runaway"))
    markdown, page = (path.read_text() for path in write_reports(hostile))
    assert "<img" not in markdown + page
    assert "\x1b" not in markdown + page


def test_replay_seeks_and_trend_lists(played: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "replay", str(played), "--at", "1m"]) == 0
    shown = capsys.readouterr().out
    assert "cause-found" in shown
    assert "inject=alert " not in shown
    assert main(["drill", "report", "--trend", "--home", str(played.parent)]) == 0
    assert f"| {played.name} | passed | 100% |" in capsys.readouterr().out


def test_halts_of_a_drill_say_so_in_ledger_and_trail(played: Path) -> None:
    with closing(sqlite3.connect(played / "state" / "ledger.sqlite3")) as ledger:
        headers = [json.loads(row[0]) for row in ledger.execute("SELECT header FROM halt")]
    assert [header["drill"] for header in headers] == [True]
    (volume,) = (played / "state/audit").glob("*.sqlite3")
    with closing(sqlite3.connect(volume)) as trail:
        bodies = [json.loads(row[0]) for row in trail.execute("SELECT body FROM event")]
    assert {"drill.started", "halt.confirmed", "restore.ended", "drill.ended"} <= {body["kind"] for body in bodies}
    assert all(body["drill"] for body in bodies)


@pytest.fixture
def by_a_person(played: Path, tmp_path: Path) -> Path:
    """The same, as if a person had played it: the home of that one drill."""
    copy = Path(shutil.copytree(played, tmp_path / "home" / played.name))
    document = json.loads((copy / "score.json").read_text()) | {"player": "person"}
    (copy / "score.json").write_text(json.dumps(document))
    return copy.parent


def test_the_real_trail_hears_of_a_drill(played: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From outside the cordon: begun and ended, with the hash of its events and the head of its own trail."""
    config = tmp_path / "config.toml"
    config.write_text(f'environment = "production"\nstate_dir = {json.dumps(str(tmp_path / "own"))}\n')
    noted, scenario = Noted(load_configuration(config)), read_scenario(played / "scenario.toml")
    noted.began(scenario, played)
    noted.ended(scenario, played)
    assert capsys.readouterr().err == ""
    (volume,) = (tmp_path / "own/audit").glob("*.sqlite3")
    with closing(sqlite3.connect(volume)) as trail:
        bodies = [json.loads(row[0]) for row in trail.execute("SELECT body FROM event ORDER BY seq")]
        ((origin,),) = trail.execute("SELECT origin FROM head").fetchall()
    assert "/drill/" not in origin
    started, ended = (body for body in bodies if body["kind"].startswith("drill."))
    assert (started["drill"], ended["drill"], started["data"]["environment"]) == (True, True, "production")
    assert ended["data"]["event_hash"] == json.loads((played / "score.json").read_text())["score"]["event_hash"]
    assert "/drill/" in ended["data"]["trail"][0]
    assert main(["report", "--config", str(config)]) == 0
    recency = json.loads(capsys.readouterr().out)["drill_recency"]["production"]
    assert (recency["days"], recency["due"]) == (0, False)


def test_a_trail_that_cannot_be_written_keeps_nobody_from_drilling(
    played: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own").write_text("a file where a directory belongs")
    config = tmp_path / "config.toml"
    config.write_text(f"state_dir = {json.dumps(str(tmp_path / 'own'))}\n")
    Noted(load_configuration(config)).began(read_scenario(played / "scenario.toml"), played)
    assert "the drill is not noted in the trail" in capsys.readouterr().err


def test_cadence_knows_what_is_due(by_a_person: Path, played: Path) -> None:
    now = datetime.now(UTC)
    due = {drilled.subject: drilled.due for drilled in cadence(by_a_person, now)}
    assert not due["scope agent"]
    assert not any(due[f"backend {kind}"] for kind in ("kubernetes", "iam", "launchdarkly"))
    assert due["scope global"]
    assert due["backend lambda"]
    assert all(drilled.due for drilled in cadence(by_a_person, now + timedelta(days=91)))
    assert not all(drilled.due for drilled in cadence(by_a_person, now + timedelta(days=91), every=timedelta(days=100)))
    assert str(cadence(played.parent / "nothing", now)[0]) == "scope agent: never drilled - DUE"


def test_a_scripted_player_on_the_simulator_drills_nobody(played: Path) -> None:
    assert all(drilled.due for drilled in cadence(played.parent, datetime.now(UTC)))


def test_check_report_and_header_go_by_the_configured_days(
    by_a_person: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (score_file,) = by_a_person.glob("*/score.json")
    then = datetime.now(UTC) - timedelta(days=10)
    os.utime(score_file, (then.timestamp(), then.timestamp()))
    home = tmp_path / "state/killswitch-console"
    home.mkdir(parents=True)
    by_a_person.rename(home / "drills")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for days, due in ((30, False), (7, True)):
        config = tmp_path / f"{days}.toml"
        config.write_text(f"state_dir = {json.dumps(str(tmp_path / 'own'))}\n[drill]\ndue_days = {days}\n")
        assert main(["report", "--config", str(config)]) == 0
        told = {row["of"]: row["due"] for row in json.loads(capsys.readouterr().out)["drill_cadence"]}
        assert (told["scope agent"], told["scope global"]) == (due, True)
        assert main(["check", "--all", "--config", str(config)]) == 4
        (line,) = [line for line in capsys.readouterr().out.splitlines() if "scope agent: last drilled" in line]
        assert ("DUE" in line) == due
        glance = Glance(ConsoleState("x", ALICE, configuration=load_configuration(config)), datetime.now(UTC), asked())
        light = "".join(text for text, _ in SIGN.light(glance)[0]) if SIGN.light else ""
        assert ("every drill is due" in light) == due


def asked() -> Mapping[str, datetime]:
    return last_drilled(drills_home())


def test_an_unreadable_score_counts_as_not_drilled(tmp_path: Path) -> None:
    (tmp_path / "drill").mkdir()
    (tmp_path / "drill/score.json").write_text("{")
    os.utime(tmp_path / "drill/score.json")
    assert all(drilled.due for drilled in cadence(tmp_path, datetime.now(UTC)))


def test_an_agent_that_acts_after_the_claim_fails_the_drill(played: Path) -> None:
    scenario = read_scenario(played / "scenario.toml")
    events = read_log(played / "log.jsonl")
    honest = Claim("refund-7", "h", claimed_at=100.0, last_action_at=99.0)
    broken = Claim("refund-7", "h", claimed_at=100.0, last_action_at=100.5)
    assert score(scenario, events, [honest]).passed
    result = score(scenario, events, [honest, broken])
    assert (result.passed, result.acted_on, result.least_margin) == (False, ("refund-7",), -0.5)
