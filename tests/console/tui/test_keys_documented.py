"""docs/console.md tells every key of the app, the tree and the main screens as they are bound, and none besides."""

from __future__ import annotations

import re
from pathlib import Path

from textual.binding import Binding

from killswitch_console.tui.app import ConsoleApp
from killswitch_console.tui.keymap import known
from killswitch_console.tui.places import Places

ROW = re.compile(r"^\| `([a-z_]+\.[a-z_]+)` \| (.+?) \|", re.MULTILINE)
ELSEWHERE = ("audit.", "breakglass.", "drill.", "readiness.", "runbook.", "place.")
"""Described as a whole in the page."""
WRITTEN = {"escape": "Esc", "enter": "⏎", "question_mark": "?", "colon": ":", "asterisk": "*", "space": "Space"}
SIGNS = {"slash": "/", "exclamation_mark": "!"}


def _documented() -> dict[str, str]:
    page = Path(__file__).resolve().parents[3] / "docs/console.md"
    return dict(ROW.findall(page.read_text(encoding="utf-8")))


def _bound() -> dict[str, Binding]:
    Places().load()  # imports every screen
    app = {b.id: b for b in Binding.make_bindings(ConsoleApp.BINDINGS) if b.id}
    return {i: b for i, b in {**known(), **app}.items() if not i.startswith(ELSEWHERE)}


def _names(binding: Binding) -> set[str]:
    """How the page may write one of a binding's keys."""
    keys = binding.key.split(",")
    return {WRITTEN.get(k, SIGNS.get(k, k.replace("ctrl+", "^"))) for k in keys} | {binding.key_display or ""}


def test_every_key_is_told_and_nothing_that_is_none() -> None:
    documented, bound = _documented(), _bound()
    assert sorted(bound.keys() - documented.keys()) == []
    assert sorted(documented.keys() - bound.keys()) == []
    for name, written in documented.items():
        assert written in _names(bound[name]), f"{name}: {written} is none of {sorted(_names(bound[name]))}"
