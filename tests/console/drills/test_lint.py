"""Everything wrong in a scenario file is named with its line, and nothing is started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from killswitch_console.cli.main import main
from killswitch_console.drills.homes import SHIPPED
from killswitch_console.drills.reading import LARGEST, ScenarioError, lines_of, read_scenario
from killswitch_console.drills.scenario import json_schema

DOCS = Path(__file__).parents[3] / "docs"

GOOD = """\
[scenario]
id = "small"
title = "Small"
duration = "2m"
narrative = "One agent."

[world]
agents = 2

[[inject]]
id = "alert"
kind = "alert"
at = "10s"
from = "monitoring"
text = "look"

[[inject]]
id = "later"
kind = "message"
after = "alert"
from = "somebody"
text = "and now"

[[expect]]
id = "halted"
event = "halt.confirmed"
scope = "agent:refund-1"
within = "30s"
of = "alert"

[[answer]]
id = "stop"
after = "alert"
do = "halt"
scope = "agent:refund-1"
"""

WRONG = {
    "unknown agent": ('scope = "agent:refund-1"\nwithin', 'scope = "agent:refund-9"\nwithin', 27, "unknown agent"),
    "unknown inject": ('of = "alert"', 'of = "alarm"', 29, "unknown inject 'alarm'"),
    "unknown entry": ('after = "alert"\nfrom', 'after = "alarm"\nfrom', 20, "unknown inject or answer"),
    "unknown event": ('"halt.confirmed"', '"halt.conformed"', 26, "unknown event"),
    "negative time": ('"10s"', '"-10s"', 13, "negative"),
    "a bare number": ('"10s"', "10", 13, "text with units"),
    "unknown key": ('text = "look"', 'test = "look"', 15, "unknown key 'test'"),
    "unknown table": ("[world]", "[worlds]", 7, "unknown key 'worlds'"),
    "circle": ('at = "10s"', 'after = "later"', 13, "waits for itself: alert -> later -> alert"),
    "circle of conditions": (
        'at = "10s"',
        'when = { event = "inject.delivered", inject = "later" }',
        13,
        "waits for itself: alert -> later -> alert",
    ),
    "negative delay": ('after = "alert"\nfrom', 'after = "alert"\ndelay = "-5s"\nfrom', 21, "negative"),
    "after the end": ('"10s"', '"3m"', 13, "when the drill is over"),
    "two moments": ('at = "10s"', 'at = "10s"\nafter = "later"', 10, "exactly one of at, after, when"),
    "no moment": ('at = "10s"\n', "", 10, "exactly one of at, after, when"),
    "taken id": ('id = "later"', 'id = "alert"', 18, "taken already"),
    "no scope": ('do = "halt"\nscope = "agent:refund-1"', 'do = "halt"', 31, "halt needs scope"),
    "not TOML": ('title = "Small"', 'title = "Small', 3, "is not TOML"),
    "bad scope": ('scope = "agent:refund-1"\nwithin', 'scope = "agents"\nwithin', 27, "is not a scope"),
}


def faults(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    path = tmp_path / "scenario.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as error:
        read_scenario(path)
    assert all(str(fault).startswith(f"{path}:{fault.line}: ") for fault in error.value.faults)
    return [(fault.line, fault.text) for fault in error.value.faults]


def test_the_example_is_good(tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text(GOOD)
    assert read_scenario(tmp_path / "scenario.toml").scenario.duration == 120


@pytest.mark.parametrize("wrong", WRONG)
def test_each_fault_is_named_with_its_line(tmp_path: Path, wrong: str) -> None:
    before, after, line, said = WRONG[wrong]
    assert before in GOOD
    found = faults(tmp_path, GOOD.replace(before, after, 1))
    assert any(number == line and said in text for number, text in found), found


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    text = GOOD.replace('"10s"', '"-10s"').replace("agents = 2", "agentz = 2").replace('"30s"', '"soon"')
    assert [line for line, _ in faults(tmp_path, text)] == [8, 13, 28]


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    ((line, said),) = faults(tmp_path, GOOD + "#" * (10 * 2**20))
    assert (line, f"{LARGEST // 1024} KiB" in said) == (1, True)


def test_hostile_text_does_not_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(GOOD.replace('"halt.confirmed"', '"\\u001b[31mhalt"'))
    with pytest.raises(ScenarioError) as error:
        read_scenario(path)
    assert "\x1b" not in str(error.value)


def test_lines_are_found_in_spite_of_long_values() -> None:
    places = lines_of('a = """\nb = 1\n"""\n[[t]]\nx = [\n 1,\n]\ny = 2\n[[t]]\nx = 3\n[t.sub]\nz = 1\n')
    assert places[("a",)] == 1
    assert places[("t", 0, "y")] == 8
    assert places[("t", 1, "x")] == 10
    assert places[("t", 1, "sub", "z")] == 12
    assert ("b",) not in places


@pytest.mark.parametrize("wrong", ["negative time", "unknown agent", "circle", "unknown key", "huge"])
def test_the_command_names_faults_and_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    before, after, line, _ = WRONG.get(wrong, ("[world]", "#" * 10 * 2**20 + "\n[world]", 1, ""))
    path = tmp_path / "scenario.toml"
    path.write_text(GOOD.replace(before, after, 1))
    home = str(tmp_path / "home")
    for verb in ("lint", "run", "run --player perfect", "facilitate", "run --canary"):
        kept = [] if verb == "lint" else ["--home", home]
        name, *more = verb.split()
        assert main(["drill", name, str(path), *more, *kept]) == 2
        assert f"{path}:{line}: " in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


CANARY = (DOCS / "canary.toml").read_text()

NO_CANARY = {
    "a world": ('[[objective]]\nid = "path"', '[world]\nagents = 2\n[[objective]]\nid = "path"', "leave [world] out"),
    "a fault": (
        "[[expect]]",
        '[[inject]]\nid = "f"\nat = "1s"\nkind = "fault"\noperation = "iam.*"\nfault = "error"\n[[expect]]',
        "words only",
    ),
    "no way back": ('do = "restore"', 'do = "plan"', "puts back what it halts"),
    "no halt": ('do = "halt"', 'do = "plan"', "needs an [[answer]] that halts"),
    "two scopes": (
        'id = "back"',
        'id = "more"\nat = "1s"\ndo = "halt"\nscope = "global"\n[[answer]]\nid = "back"',
        "halts one",
    ),
}


@pytest.mark.parametrize("wrong", NO_CANARY)
def test_what_a_canary_drill_cannot_be(tmp_path: Path, wrong: str) -> None:
    before, after, said = NO_CANARY[wrong]
    assert before in CANARY
    assert any(said in text for _, text in faults(tmp_path, CANARY.replace(before, after, 1)))


def test_each_kind_of_drill_is_run_by_its_own_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", str(tmp_path / "home")]
    for words in (["run", str(DOCS / "canary.toml")], ["facilitate", str(DOCS / "canary.toml")]):
        assert main(["drill", *words, *home]) == 2
        assert "drill run --canary" in capsys.readouterr().err
    assert main(["drill", "run", "--canary", "outsider", *home]) == 2
    assert 'mode = "canary"' in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_every_shipped_scenario_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "lint"]) == 0
    assert str(len(list(SHIPPED.glob("*.toml")))) in capsys.readouterr().out


def test_the_published_schema_is_that_of_the_models() -> None:
    """``killswitch-console drill lint --schema > docs/scenario.schema.json`` makes it anew."""
    assert json.loads((DOCS / "scenario.schema.json").read_text()) == json_schema()
