"""Completion and manual know every command, by the parser alone; the shells themselves run the scripts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import killswitch_console.cli.commands as commands
from killswitch_console.cli.command_tree import command_tree
from killswitch_console.cli.completion import script
from killswitch_console.cli.manual import manual

NEW = '''"""A command nobody has heard of."""
SUMMARY = "says: 'what' it $is \\\\ [now] %(prog)s"
def configure(parser):
    parser.add_argument("--colour", choices=("red", "green"), help="it's a 100%% colour")
    below = parser.add_subparsers()
    below.add_parser("deeper", help="below").add_argument("--file", metavar="FILE", help="a file")
def run(_):
    return 0
'''.replace(" %(prog)s", "")


@pytest.fixture
def new_command(tmp_path: Path) -> Iterator[None]:
    """One file more among the commands, and no edit anywhere."""
    (tmp_path / "novel.py").write_text(NEW)
    commands.__path__.append(str(tmp_path))
    yield
    commands.__path__.remove(str(tmp_path))


def _shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine (Debian: apt install {name})")
    return found


def said(*command: str) -> set[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return set(done.stdout.splitlines())


def bash(*words: str) -> set[str]:
    """What bash offers after these words, the last of them begun."""
    line = " ".join(f"'{word}'" for word in ("killswitch-console", *words))
    run = f"COMP_WORDS=({line}); COMP_CWORD={len(words)}; _killswitch_console 2>/dev/null"
    return said(_shell("bash"), "--norc", "-c", f'{script("bash")}\n{run}; printf "%s\\n" "${{COMPREPLY[@]}}"')


def zsh(*words: str) -> set[str]:
    """The same of zsh, whose own functions only print what they are given."""
    line = " ".join(f"'{word}'" for word in ("killswitch-console", *words))
    stubs = (
        'compdef() { : }\n_describe() { local -a all; all=("${(@P)2}"); print -l -- "${all[@]%%:*}" }\n'
        'compadd() { shift; print -l -- "$@" }\n_files() { print files }\n'
    )
    run = f"words=({line}); CURRENT={len(words) + 1}; _killswitch_console"
    return said(_shell("zsh"), "-f", "-c", f"{stubs}{script('zsh')}\n{run}")


def fish(*words: str) -> set[str]:
    line = " ".join(("killswitch-console", *words))
    found = said(_shell("fish"), "--no-config", "-c", f"{script('fish')}\ncomplete -C '{line}'")
    return {one.partition("\t")[0] for one in found}


def test_bash_offers_commands_options_choices_scopes_and_files(new_command: None, tmp_path: Path) -> None:
    assert {"halt", "hold"} <= bash("h")
    assert all(word.startswith("h") for word in bash("h"))
    assert "novel" in bash("")
    assert {"deeper", "--colour"} <= bash("novel", "")
    assert bash("novel", "--colour", "") == {"red", "green"}
    assert bash("halt", "--profile", "gr") == {"graceful"}
    assert {"list", "verify", "export"} <= bash("audit", "")
    assert "--format" in bash("audit", "export", "--f")
    assert {"class:", "global"} <= bash("halt", "")
    (tmp_path / "here.toml").touch()
    assert bash("halt", "--config", f"{tmp_path}/h") == {f"{tmp_path}/here.toml"}
    assert bash("halt", "--reason", "") == {""}, "a text that only a person can give"


def test_zsh_offers_the_same(new_command: None) -> None:
    assert {"halt", "audit", "novel", "--theme"} <= zsh("")
    assert zsh("novel", "--colour", "") == {"red", "green"}
    assert {"deeper"} <= zsh("novel", "")
    assert zsh("novel", "deeper", "--file", "") == {"files"}


def test_fish_offers_the_same(new_command: None) -> None:
    assert {"halt", "hold"} <= fish("h")
    assert fish("novel", "--colour", "r") == {"red"}
    assert "deeper" in fish("novel", "")
    assert "--format" in fish("audit", "export", "--f")


def test_every_script_says_every_command_and_option(new_command: None) -> None:
    for shell in ("bash", "zsh", "fish"):
        text = script(shell)
        for command in command_tree().walk():
            assert not command.path or command.path[-1] in text
            for option in command.options:
                assert all(name[2:] in text for name in option.names if name.startswith("--")), option


def test_the_manual_says_every_command_option_and_exit_code(new_command: None) -> None:
    page = manual()
    for command in command_tree().walk():
        assert " ".join(command.path).replace("-", "\\-") in page
        for option in command.options:
            assert all(name.replace("-", "\\-") in page for name in option.names), option
    assert page.count("\n.B ") > 100
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("no groff on this machine")
    done = subprocess.run([groff, "-man", "-Tutf8", "-ww"], input=page, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == "", "groff warns of what it does not understand"
    assert "it's a 100% colour" in done.stdout
