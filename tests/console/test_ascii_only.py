"""Where a terminal has no more than ASCII: every symbol has a likeness of its width, and states stay apart."""

from __future__ import annotations

import ast
import io
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

import killswitch_console
from killswitch_console import ascii_only
from killswitch_console.ascii_only import to_ascii, wanted
from killswitch_console.tui.lines import words

PACKAGE = Path(killswitch_console.__file__).parent


@pytest.mark.parametrize(
    ("environ", "only"),
    [
        ({}, False),
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "de_DE.utf8@euro"}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "POSIX", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
        ({"LANG": "en_US"}, True),
        ({"LANG": "C.UTF-8", "LC_ALL": "C"}, True),
        ({"LANG": "C", "LC_ALL": "en_US.UTF-8"}, False),
    ],
)
def test_the_locale_that_was_said_counts(environ: dict[str, str], only: bool) -> None:
    assert wanted(environ) is only


def _symbols() -> set[str]:
    """Every character beyond ASCII in any text of the console's code."""
    found: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {c for c in node.value if not c.isascii() and c.isprintable()}
    return found


def test_every_symbol_that_the_console_draws_has_a_likeness_of_one_cell() -> None:
    for symbol in _symbols() | set("│─┌┐└┘├┤┬┴┼╭╮╰╯█▀▄▌▐░▒▓▊▎▔▁"):
        plain = to_ascii(symbol)
        assert plain.isascii(), symbol
        assert plain != "?", f"{symbol!r} has no likeness yet: give it one in ascii_only.py"
        assert len(plain) == cell_len(symbol) == 1, symbol


@pytest.mark.parametrize(
    "states",
    [words.HEALTH, words.STATE, words.VERDICT],
    ids=["health", "target", "verdict"],
)
def test_states_stay_apart(states: dict[object, tuple[str, object]]) -> None:
    plain = [to_ascii(symbol) for symbol, _ in states.values()]
    assert len(set(plain)) == len(plain), plain


def test_names_keep_their_width() -> None:
    for name in ("naïve-café", "日本", "e\u0301", "agent", "Ωmega", "\u200b", "🚀"):
        assert len(to_ascii(name)) == cell_len(name), name
        assert to_ascii(name).isascii()
    assert to_ascii("café") == "cafe"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_printing_never_fails_for_a_character(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    stream = io.TextIOWrapper(out, encoding=encoding, write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    ascii_only.adapt({"LANG": "en_US.UTF-8"})
    print("■ halted … über 日本")
    expected = {"utf-8": "■ halted … über 日本", "latin-1": "# halted ~ über ????", "ascii": "# halted ~ uber ????"}
    assert out.getvalue().decode(encoding).strip() == expected[encoding]


def test_a_c_locale_gets_ascii_although_python_would_write_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    stream = io.TextIOWrapper(out, encoding="utf-8", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    ascii_only.adapt({"LANG": "C"})
    print("■ halted")
    assert out.getvalue() == b"# halted\n"
