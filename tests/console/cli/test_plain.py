"""``--plain``: every command speaks in lines that make sense one after another."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from killswitch_console.cli import output
from killswitch_console.cli.main import _names, main, parse
from simulated import Simulated, running

COLUMNS = re.compile(r"\S {2,}\S")
DRAWN = re.compile(r"[\u2500-\u259f\x1b]")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What one run says of its output is not what the next one says; this process's signals stay."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    token = output._LINEAR.set(False)
    yield
    output._LINEAR.reset(token)


def say(capsys: pytest.CaptureFixture[str], sim: Simulated, *words: str) -> tuple[int, str]:
    """What a command says on stdout."""
    config = () if words[0] == "drill" else ("--config", str(sim.config_path))
    code = main([*words, *config])
    return code, capsys.readouterr().out


async def test_every_command_speaks_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    async with running(agents=5, seed=1) as sim:
        await asyncio.to_thread(_speak, capsys, sim)


def _speak(capsys: pytest.CaptureFixture[str], sim: Simulated) -> None:
    agent = sim.specs[0].name
    said: dict[str, str] = {}
    halted = say(capsys, sim, "halt", f"agent:{agent}", "--reason", "plain", "--confirm", "yes", "--plain")
    said["halt"] = halted[1]
    halt_id = next(line for line in halted[1].splitlines() if line.startswith("halt: ")).removeprefix("halt: ")
    for words in (
        ("agents",),
        ("plan", "global"),
        ("status",),
        ("status", halt_id),
        ("check", "--all"),
        ("audit", "list"),
        ("drill", "list"),
        ("breakglass", "list"),
        ("restore", halt_id, "--reason", "plain", "--confirm", "yes"),
        ("report",),
    ):
        _, said[" ".join(words[:2])] = say(capsys, sim, *words, "--plain")
    code, said["overview"] = say(capsys, sim, "--plain")
    assert code == 0
    for command, text in said.items():
        assert text.strip(), command
        for line in text.splitlines():
            assert not DRAWN.search(line), f"{command}: {line}"
            assert not COLUMNS.search(line.strip()), f"{command}: {line}"
    assert f"agent: {agent}" in said["agents"]
    assert "verdict: stopped" in said["halt"]
    assert "verdict: restored" in said[f"restore {halt_id}"]
    assert f"scope: agent:{agent}" in said["status"]
    assert "agents: 5" in said["overview"]
    assert "next: plan SCOPE" in said["overview"]


@pytest.mark.parametrize("name", _names())
def test_every_command_offers_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        parse([name, "--help"])
    assert done.value.code == 0
    assert "--plain" in capsys.readouterr().out


def test_the_environment_may_ask_for_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("KILLSWITCH_PLAIN", "1")
    assert main(["drill", "list"]) == 0
    assert "name: " in capsys.readouterr().out
