"""The same scenario, seed and facilitator's inputs give the same events; another seed or input gives others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from killswitch_console.cli.main import main
from killswitch_console.drills.happened import Happened
from killswitch_console.drills.homes import SHIPPED
from killswitch_console.drills.inputs import TYPED, Input, inputs_of
from killswitch_console.drills.log import event_hash, read_log
from killswitch_console.drills.players import PlayerKind
from killswitch_console.drills.playing import play
from killswitch_console.drills.reading import read_scenario
from killswitch_console.drills.scenario import Scenario


def scenario(*, seed: int | None = None) -> Scenario:
    read = read_scenario(SHIPPED / "false-alarm.toml")
    if seed is None:
        return read
    return read.model_copy(update={"scenario": read.scenario.model_copy(update={"seed": seed})})


LINES = (
    (2.0, "pause"),  # a matter of pace: played again, time jumps
    (20.0, "say Boss: well?"),
    (22.0, "skip nobody there is none"),  # refused: no input
    (25.0, "now facts"),
    (26.0, "add kind=fault operation=iam.* fault=error status=503 lasts=10s"),
    (30.0, "note look: asked for facts first"),
    (31.0, "rate look P"),
)
"""What a facilitator typed, and when."""


def hash_of(folder: Path, played: Scenario, *, inputs: bool = False) -> str:
    folder.mkdir()
    (folder / "scenario.toml").write_text((SHIPPED / "false-alarm.toml").read_text())
    typed = [Input(at, TYPED, {"line": line}) for at, line in LINES if line != "pause"] if inputs else []
    drill = play(played, folder, PlayerKind.PERFECT, inputs=typed)
    assert drill.score.event_hash == event_hash(read_log(folder / "log.jsonl"))
    return drill.score.event_hash


@pytest.mark.parametrize("runs", [2, pytest.param(30, marks=pytest.mark.chaos)])
def test_all_runs_have_one_hash(tmp_path: Path, runs: int) -> None:
    assert len({hash_of(tmp_path / str(run), scenario()) for run in range(runs)}) == 1


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A drill with a facilitator's inputs, and the hash of its events."""
    folder = tmp_path_factory.mktemp("drills") / "a"
    return folder, hash_of(folder, scenario(), inputs=True)


def test_facilitators_inputs_are_in_the_log_and_enough_to_play_it_again(
    recorded: tuple[Path, str], capfd: pytest.CaptureFixture[str]
) -> None:
    folder, first = recorded
    given = [(given.at, given.about["line"]) for given in inputs_of(read_log(folder / "log.jsonl"), person=False)]
    accepted = [(at, line) for at, line in LINES if line != "pause" and not line.startswith("skip")]
    assert [line for _, line in given] == [line for _, line in accepted]
    assert all(abs(at - then) < 0.1 for (at, _), (then, _) in zip(given, accepted, strict=True))
    assert main(["drill", "replay", "--again", str(folder)]) == 0
    assert f"({first[:16]})" in capfd.readouterr().out


def test_a_drill_without_one_of_its_inputs_is_another(
    recorded: tuple[Path, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(recorded[0], tmp_path / "a"))
    log = folder / "log.jsonl"
    log.write_text("".join(line for line in log.read_text().splitlines(True) if "say Boss" not in line))
    assert main(["drill", "replay", "--again", str(folder)]) == 4
    assert "adhoc-1" in capfd.readouterr().out.partition("now:")[0]


def test_what_a_person_did_is_an_input_too() -> None:
    """Of a drill that a person played, the console's part is repeated from the log as well."""
    events = [
        Happened("responder.acknowledged", 5.0, {"inject": "alert"}),
        Happened("plan.shown", 8.0, {"scope": "agent:a", "profile": "force"}),
        Happened("halt.confirmed", 9.0, {"scope": "agent:a", "profile": "force"}, {"reason": "mad"}),
        Happened("halt.ended", 12.0, {"scope": "agent:a", "verdict": "stopped"}),
        Happened("restore.confirmed", 20.0, {"scope": "agent:a"}, {"reason": "over"}),
        Happened("facilitator.did", 21.0, {"line": "speed 2"}, {"at": 21.0}),
    ]
    did = inputs_of(events, person=True)
    assert [(one.at, one.do) for one in did] == [(5.0, "acknowledge"), (8.0, "plan"), (9.0, "halt"), (20.0, "restore")]
    assert did[2].about == {"scope": "agent:a", "profile": "force", "reason": "mad"}
    assert inputs_of(events, person=False) == ()


def test_the_seed_is_part_of_it(tmp_path: Path) -> None:
    assert hash_of(tmp_path / "a", scenario(seed=5)) != hash_of(tmp_path / "b", scenario(seed=6))
