"""A facilitator and a responder, each in a terminal (tmux), complete a drill; a real event ends one at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from killswitch_console.drills.log import read_log
from killswitch_console.drills.reporting import write_reports

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")

PATIENCE = 120.0


class Terminals:
    """A tmux server of its own."""

    def __init__(self, tmp_path: Path) -> None:
        self.socket = str(tmp_path / "tmux")
        self.environment = {
            **os.environ,
            "XDG_STATE_HOME": str(tmp_path),
            "HOME": str(tmp_path),
            "TERM": "xterm-256color",
        }
        self.environment.pop("TMUX", None)

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", self.socket, *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=self.environment, check=True).stdout

    def open(self, name: str, *arguments: str) -> None:
        command = f"{sys.executable} -m killswitch_console.cli.main {' '.join(arguments)}; echo status $?; sleep 600"
        self.tmux("new-session", "-d", "-s", name, "-x", "130", "-y", "60", command)

    def type(self, name: str, text: str) -> None:
        self.tmux("send-keys", "-t", name, "-l", text)

    def press(self, name: str, *keys: str) -> None:
        self.tmux("send-keys", "-t", name, *keys)

    def say(self, name: str, text: str) -> None:
        self.type(name, text)
        self.press(name, "Enter")

    def shown(self, name: str) -> str:
        return self.tmux("capture-pane", "-p", "-t", name)

    def wait_for(self, name: str, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown(name):
            assert time.monotonic() < deadline, f"never saw {text!r}:\n{self.shown(name)}"
            time.sleep(0.1)


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    opened = Terminals(tmp_path)
    yield opened
    opened.tmux("kill-server")


SCENARIO = """\
[scenario]
id = "pair"
title = "Two terminals"
duration = "10m"
narrative = "Everything has to stop."
[world]
agents = 2
[[objective]]
id = "all"
statement = "Halt all"
[[inject]]
id = "alert"
kind = "alert"
delivered_by = "facilitator"
from = "monitoring"
text = "all agents are mad"
[[expect]]
id = "stopped"
event = "halt.ended"
scope = "global"
verdict = "stopped"
"""


def begin(terminals: Terminals, tmp_path: Path, *words: str) -> None:
    (tmp_path / "pair.toml").write_text(SCENARIO)
    terminals.open("desk", "drill", "facilitate", str(tmp_path / "pair.toml"), "--name", "pair", *words)
    terminals.wait_for("desk", "waiting for a responder")
    terminals.open("console", "--drill", "pair")
    terminals.wait_for("desk", "drill.began")
    terminals.wait_for("console", "DRILL")


def ask(terminals: Terminals, key: str, answer: str) -> None:
    """Press a key of the desk's screen that opens a line, and fill that in."""
    terminals.press("desk", key)
    terminals.say("desk", answer)


@pytest.mark.long
def test_two_terminals_complete_a_drill(terminals: Terminals, tmp_path: Path) -> None:
    begin(terminals, tmp_path)
    (folder,) = (tmp_path / "killswitch-console/drills").glob("*-pair")
    assert (folder / "drill.socket").stat().st_mode & 0o777 == 0o600
    terminals.wait_for("desk", "1 at the console")
    terminals.press("desk", "n")  # the alert is under the cursor, and the facilitator's to bring
    terminals.wait_for("console", "all agents are mad")
    terminals.press("console", "F9")
    terminals.wait_for("desk", "responder.acknowledged")
    ask(terminals, "a", "Boss: what is it")
    terminals.wait_for("console", "what is it")
    terminals.press("console", "!")
    terminals.wait_for("console", "Plan: halt global")
    terminals.wait_for("desk", "plan.shown")
    terminals.type("console", "mad")
    terminals.press("console", "C-n")
    terminals.wait_for("console", "HALT DRILL")
    terminals.say("console", "HALT DRILL")
    terminals.wait_for("desk", "halt.ended")
    terminals.wait_for("desk", "✓ met")
    terminals.press("desk", "t")
    terminals.wait_for("desk", "running 0")
    terminals.press("desk", "t")
    ask(terminals, "w", "all: quick")
    terminals.wait_for("desk", "1 note")
    ask(terminals, "v", "all P")
    terminals.wait_for("desk", "P  1 note")
    ask(terminals, "e", "yes")
    terminals.wait_for("desk", "over: the facilitator ended")
    terminals.wait_for("console", "The drill is over: passed")
    terminals.press("desk", "q")
    terminals.wait_for("desk", "status 0")
    score = json.loads((folder / "score.json").read_text())["score"]
    assert (score["passed"], score["ratings"], score["acted_on"]) == (True, {"all": "P"}, [])
    assert score["least_margin"] >= 0
    assert [e.facts["line"] for e in read_log(folder / "log.jsonl") if e.event == "facilitator.did"] == [
        "now alert",
        "say Boss: what is it",
        "note all: quick",
        "rate all P",
        "end",
    ]
    terminals.press("console", "q")
    terminals.wait_for("console", "status 0")
    report = write_reports(folder)[0].read_text()
    assert "was verified for this report: whole: " in report
    (recording,) = (folder / "state/audit/recordings").glob("*.cast")
    assert f"[{recording.relative_to(folder)}]({recording.relative_to(folder)})" in report
    assert "facilitator " in report
    assert "responder " in report
    assert "/drill/" in report.partition("Its head: ")[2].splitlines()[0]


def test_a_real_event_leaves_drill_mode_at_once(terminals: Terminals, tmp_path: Path) -> None:
    """At a desk of lines, which works on any terminal."""
    begin(terminals, tmp_path, "--plain")
    terminals.press("console", "F12")
    terminals.wait_for("console", "this is the real console")
    terminals.wait_for("console", "Nothing is configured yet")  # the real one is looked for; this machine has none
    terminals.wait_for("desk", "a real event")
    assert "real event" in terminals.shown("desk")
    assert "DRILL" not in terminals.shown("console"), "nothing of it may look like a drill any more"


def test_a_desk_whose_terminal_is_gone_ends_its_drill(terminals: Terminals, tmp_path: Path) -> None:
    begin(terminals, tmp_path)
    terminals.press("desk", "Space")  # also while it holds time
    terminals.wait_for("desk", "PAUSED")
    terminals.tmux("kill-session", "-t", "desk")
    terminals.wait_for("console", "The drill is over: not passed")
    deadline = time.monotonic() + PATIENCE
    while (tmp_path / "killswitch-console/drills/pair.socket").is_symlink():  # its last act, once all is closed
        assert time.monotonic() < deadline, "the leader's process does not end"
        time.sleep(0.1)
    (folder,) = (tmp_path / "killswitch-console/drills").glob("*-pair")
    (ended,) = [e for e in read_log(folder / "log.jsonl") if e.event == "drill.ended"]
    assert str(ended.facts["why"]).startswith("aborted: the facilitator's terminal")
