"""The same scenario, seed and facilitator's inputs give the same events; another seed or input gives others."""

from __future__ import annotations

from pathlib import Path

import pytest

from killswitch_console.drills.directing import Director
from killswitch_console.drills.homes import SHIPPED
from killswitch_console.drills.log import event_hash, read_log
from killswitch_console.drills.players import PlayerKind
from killswitch_console.drills.playing import play
from killswitch_console.drills.reading import read_scenario
from killswitch_console.drills.scenario import Scenario, Word


def scenario(*, seed: int | None = None) -> Scenario:
    read = read_scenario(SHIPPED / "false-alarm.toml")
    if seed is None:
        return read
    return read.model_copy(update={"scenario": read.scenario.model_copy(update={"seed": seed})})


def hash_of(folder: Path, played: Scenario, *, inputs: bool = False) -> str:
    def prepare(director: Director) -> None:
        if inputs:
            word = {"id": "adhoc-1", "kind": "message", "from": "Boss", "text": "well?", "delivered_by": "facilitator"}
            director.at(20.0, lambda: director.add(Word.model_validate(word)))
            director.at(25.0, lambda: director.bring_now("facts"))

    folder.mkdir()
    drill = play(played, folder, PlayerKind.PERFECT, prepare=prepare)
    assert drill.score.event_hash == event_hash(read_log(folder / "log.jsonl"))
    return drill.score.event_hash


@pytest.mark.parametrize("runs", [4, pytest.param(30, marks=pytest.mark.chaos)])
def test_all_runs_have_one_hash(tmp_path: Path, runs: int) -> None:
    assert len({hash_of(tmp_path / str(run), scenario()) for run in range(runs)}) == 1


def test_facilitators_inputs_are_part_of_it(tmp_path: Path) -> None:
    first, again = (hash_of(tmp_path / name, scenario(), inputs=True) for name in ("a", "b"))
    assert first == again
    assert first != hash_of(tmp_path / "c", scenario())


def test_the_seed_is_part_of_it(tmp_path: Path) -> None:
    assert hash_of(tmp_path / "a", scenario(seed=5)) != hash_of(tmp_path / "b", scenario(seed=6))
