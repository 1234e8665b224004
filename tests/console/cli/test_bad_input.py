"""What goes wrong at the command line: one line that names it, the right exit code, nothing half done, no traceback."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from killswitch_console.cli.main import main

CONSOLE = [sys.executable, "-W", "ignore", "-m", "killswitch_console.cli.main"]


def lambda_table(port: int, *, name: str = "prod") -> str:
    return f"""
[[lambda]]
name = "{name}"
region = "us-east-1"
endpoint_url = "http://127.0.0.1:{port}"
"""


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a configuration, no terminal, throw-away AWS credentials, and this process's signals unchanged."""
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("KILLSWITCH_CONFIG", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "throw-away")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return tmp_path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with no platform in it."""
    return write(tmp_path, 'environment = "test"\n')


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(f'state_dir = "{folder / "state"}"\n' + text)
    return path


def fails(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run a command that must fail: its exit code and the one line it says."""
    try:
        code = main(list(words))
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("killswitch-console")
    return code, lines[0]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["halt", "galaxy:x", "--reason", "r", "--confirm", "yes"], 2, "'galaxy:x' is not a scope"),
        (["halt", "", "--reason", "r", "--confirm", "yes"], 2, "is not a scope"),
        (["halt", "agent:", "--reason", "r", "--confirm", "yes"], 2, "is not a scope"),
        (["plan", "class"], 2, "is not a scope"),
        (["halt", "agent:nobody", "--reason", "r", "--confirm", "yes"], 2, "no agent is known"),
        (["agents", "agent:nobody"], 2, "no agent is known"),
        (["halt", "agent:a"], 2, "--reason"),
        (["halt", "agent:a", "--reason", "  ", "--confirm", "yes"], 2, "--reason must not be empty"),
        (["halt", "--reason", "r"], 2, "SCOPE"),
        (["halt", "agent:a", "--reason", "r"], 3, "needs a confirmation: --confirm 'yes'"),
        (["halt", "agent:a", "--reason", "r", "--confirm", ""], 3, "does not confirm"),
        (["halt", "class:refund", "--reason", "r", "--confirm", "yes"], 3, "'refund'"),
        (["halt", "global", "--reason", "r", "--confirm", "HALT production"], 3, "'HALT test'"),
        (["halt", "agent:a", "--reason", "r", "--timeout", "soon"], 2, "number of seconds"),
        (["halt", "agent:a", "--reason", "r", "--timeout", "-1"], 2, "--timeout"),
        (["halt", "agent:a", "--reason", "r", "--timeout", "nan"], 2, "--timeout"),
        (["halt", "agent:a", "--reason", "r", "--profile", "brutal"], 2, "--profile"),
        (["resume", "h-none", "--timeout", "x"], 2, "number of seconds"),
        (["status", "h-none"], 2, "no halt h-none"),
        (["resume", "h-none"], 2, "no halt h-none"),
        (["restore", "h-none", "--reason", "r", "--confirm", "yes"], 2, "no halt h-none"),
        (["restore", "h-none", "--confirm", "yes"], 2, "--reason"),
        (["agents", "--wrong"], 2, "--wrong"),
    ],
)
def test_misuse_is_one_line_and_the_right_code(
    config: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, says: str
) -> None:
    given, line = fails(capsys, *words, "--config", str(config))
    assert says in line
    assert given == code


def test_an_unknown_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, line = fails(capsys, "explode")
    assert code == 2
    assert "explode" in line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("environment = \n", "is not TOML"),
        ("colour = 1\n", "colour: unknown key"),
        ("[labels]\nagnet = 'a'\n", "labels.agnet: unknown key"),
        ("[slo]\nagent = 'soon'\n", "slo.agent"),
        ("[slo]\nagent = -3\n", "slo.agent"),
        ("[slo.backend]\nlambda = 0\n", "slo.backend"),
        ("environment = 5\n", "environment"),
        ("environment = ''\n", "environment"),
        ("[protect]\nagents = 'a'\n", "protect.agents"),
        ("[lambda]\nname = 'x'\n", "[[lambda]]"),
        ("[[lambda]]\nname = 'x'\ncolour = 1\n", "lambda[0].colour: unknown key"),
        ("[[lambda]]\nregion = 'x'\n", "lambda[0].name"),
        ("[[lambda]]\nname = 'a/b'\n", "lambda[0].name"),
        ("[[lambda]]\nname = 5\n", "lambda[0].name"),
        (lambda_table(1) + lambda_table(1), "two [[lambda]] tables are named 'prod'"),
        ("[[agent]]\nname = 'x'\nclass = 'c'\ntenant = 't'\ntargets = ['nonsense']\n", "'nonsense' is not a target id"),
        ("[[agent]]\nname = 'x'\nclass = 'c'\ntenant = 't'\ntargets = []\n", "agent.0.targets"),
        ("[[launchdarkly]]\nname='x'\nproject='p'\nenvironment='e'\ntoken='api-SECRET-1'\n", "token"),
        ("[authority]\n", "authority"),
    ],
)
def test_a_wrong_configuration_names_file_and_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    path = write(tmp_path, text)
    code, line = fails(capsys, "agents", "--config", str(path))
    assert code == 2
    assert str(path) in line
    assert says in line
    assert "SECRET" not in line


def test_no_configuration_unreadable_or_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fails(capsys, "agents")[0] == 2
    for path in (tmp_path / "absent.toml", tmp_path):
        code, line = fails(capsys, "agents", "--config", str(path))
        assert code == 2
        assert str(path) in line
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert fails(capsys, "agents", "--config", str(binary))[0] == 2


def test_debug_shows_the_traceback_wherever_it_stands(config: Path) -> None:
    for words in (["--debug", "plan", "class"], ["plan", "--debug", "class"], ["plan", "class", "--debug"]):
        with pytest.raises(ValueError, match="is not a scope"):
            main([*words, "--config", str(config)])


def test_an_unreachable_platform_is_named_and_not_proven(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, lambda_table(closed_port()))
    code = main(["halt", "agent:a", "--reason", "r", "--confirm", "yes", "--config", str(path)])
    out, err = capsys.readouterr()
    assert code == 4
    assert out == ""
    assert "lambda:prod" in err
    assert "Traceback" not in err


def test_agents_and_status_print_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, lambda_table(closed_port()))
    assert main(["agents", "--json", "--config", str(path)]) == 4
    assert json.loads(capsys.readouterr().out) == []
    assert main(["status", "--json", "--config", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == []


@contextmanager
def silent_server() -> Iterator[int]:
    """Accepts every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for connection in kept:
                connection.close()


async def test_a_command_ends_although_a_platform_never_answers(tmp_path: Path) -> None:
    with silent_server() as port:
        path = write(tmp_path, lambda_table(port))
        began = time.monotonic()
        done = await asyncio.to_thread(
            subprocess.run,
            [*CONSOLE, "agents", "--config", str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 4, done.stderr
    assert "lambda:prod" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 40


def test_an_unreadable_ledger_is_one_line(tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state").mkdir()
    ledger = tmp_path / "state" / "ledger.sqlite3"
    ledger.write_bytes(b"this is no database, but long enough to look like one" * 20)
    code, line = fails(capsys, "status", "--config", str(config))
    assert code == 2
    assert str(ledger) in line


def test_a_record_of_another_version_is_one_line(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--config", str(config)]) == 0
    capsys.readouterr()
    with sqlite3.connect(tmp_path / "state" / "ledger.sqlite3") as connection:
        connection.execute("INSERT INTO halt VALUES ('h-1', '{}', '2026', NULL, NULL)")
    connection.close()
    code, line = fails(capsys, "status", "--config", str(config))
    assert code == 2
    assert "cannot read" in line


@pytest.mark.parametrize(
    ("key", "target", "what"),
    [
        ("agent", "lambda:prod/arn:aws:lambda:eu-central-1:111122223333:function:refund:live", "lambda:prod/FUNCTION"),
        ("agent", "lambda:prod/refund:3", "without ARN, version or alias"),
        ("agent", "lambda:prod/us-east-1.greeter", "take the function off its CloudFront distribution"),
        ("agent", "iam:prod/arn:aws:iam::111122223333:role/agents/refund", "iam:prod/role/ROLE"),
        ("agent", "iam:prod/role/agents/refund", "without ARN or path"),
        ("protect", "lambda:prod/refund:live", "without ARN, version or alias"),
        ("protect", "refund", "refund"),
    ],
)
def test_a_name_that_can_be_no_target_is_refused_before_anything_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, target: str, what: str
) -> None:
    port = closed_port()
    tables = lambda_table(port) + lambda_table(port).replace("[[lambda]]", "[[iam]]")
    declared = f'[[agent]]\nname = "a"\nclass = "c"\ntenant = "t"\ntargets = ["{target}"]\n'
    named = declared if key == "agent" else f'[protect]\ntargets = ["{target}"]\n'
    config = write(tmp_path, f'environment = "test"\n{tables}{named}')
    code, line = fails(capsys, "plan", "global", "--config", str(config))
    assert code == 2
    assert f"{config}: [{'[agent]] a' if key == 'agent' else 'protect]'}" in line
    assert what in line
