"""Each scenario that comes with the console: the perfect player passes, the others fail for the right reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from killswitch_console.drills.homes import SHIPPED
from killswitch_console.drills.players import PlayerKind
from killswitch_console.drills.playing import Played, play
from killswitch_console.drills.reading import read_scenario

NAMES = sorted(path.stem for path in SHIPPED.glob("*.toml"))


def played(name: str, player: PlayerKind, folder: Path) -> Played:
    return play(read_scenario(SHIPPED / f"{name}.toml"), folder, player)


def test_at_least_ten() -> None:
    assert len(NAMES) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_the_perfect_player_passes(name: str, tmp_path: Path) -> None:
    result = played(name, PlayerKind.PERFECT, tmp_path).score
    assert result.passed, result.failures
    assert result.wrong_scopes == ()
    assert result.least_margin is None or result.least_margin >= 0


@pytest.mark.parametrize("name", NAMES)
def test_the_silent_player_fails_because_nothing_was_done(name: str, tmp_path: Path) -> None:
    drill = played(name, PlayerKind.SILENT, tmp_path)
    assert not drill.score.passed
    assert {"never happened", "never came"} >= {" ".join(o.why.split()[-2:]) for o in drill.score.failures}
    assert not [e for e in drill.events if e.event.startswith(("halt.", "restore.", "responder."))]


@pytest.mark.parametrize("name", NAMES)
def test_the_third_player_fails_because_of_the_scope(name: str, tmp_path: Path) -> None:
    result = played(name, PlayerKind.WRONG_SCOPE, tmp_path).score
    assert not result.passed
    assert result.wrong_scopes
    assert all(scope in str([h.scope for h in result.halts]) for scope in result.wrong_scopes)
    assert result.least_margin is None or result.least_margin >= 0
