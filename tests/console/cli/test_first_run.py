"""Before anything is configured: what is said, what is offered, what is written, and what never is."""

from __future__ import annotations

import io
import stat
import sys
from pathlib import Path

import pytest

from killswitch_console.cli.main import main
from killswitch_console.config import load_configuration
from killswitch_console.example import example


class Typed(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the configuration of somebody who has none would be."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("KILLSWITCH_CONFIG", raising=False)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return tmp_path / "config/killswitch-console/config.toml"


def typed(monkeypatch: pytest.MonkeyPatch, answer: str) -> Typed:
    """A person at a terminal who types this; what they see."""
    monkeypatch.setattr(sys, "stdin", Typed(answer + "\n"))
    seen = Typed()
    monkeypatch.setattr(sys, "stderr", seen)
    return seen


def test_every_command_says_what_comes_next(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    for words in (["agents"], ["halt", "global", "--reason", "r", "--confirm", "HALT x"], ["status"], []):
        assert main(words) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        for next_step in ("`init`", str(place), "--config FILE", "`demo`"):
            assert next_step in said


def test_at_a_terminal_an_example_is_offered_and_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    seen = typed(monkeypatch, "y")
    assert main([]) == 0
    assert "Nothing is configured yet" in seen.getvalue()
    assert "killswitch-console demo" in seen.getvalue()
    assert f"check --config {place}" in capsys.readouterr().out
    assert place.read_text() == example()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert load_configuration(place).backends == ()


@pytest.mark.parametrize("answer", ["", "n", "no", "what?"])
def test_anything_but_yes_writes_nothing(monkeypatch: pytest.MonkeyPatch, place: Path, answer: str) -> None:
    seen = typed(monkeypatch, answer)
    assert main([]) == 2
    assert "Nothing was written" in seen.getvalue()
    assert not place.exists()


def test_init_writes_where_it_is_told_and_never_over_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: Path
) -> None:
    assert main(["init"]) == 0
    assert place.read_text() == example()
    other = tmp_path / "other.toml"
    assert main(["init", "--output", str(other)]) == 0
    other.write_text("mine")
    assert main(["init", "--output", str(other)]) == 2
    assert other.read_text() == "mine"
    assert "was left alone" in capsys.readouterr().err
    assert main(["init", "--output", str(other / "below")]) == 2
    assert "--output FILE" in capsys.readouterr().err
    assert main(["init", "--print"]) == 0
    assert capsys.readouterr().out == example()
