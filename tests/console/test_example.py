"""The example configuration can never be wrong: it loads as it stands, and with every key switched on."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

from pydantic import BaseModel

from killswitch_console.assembling import engine_settings
from killswitch_console.config import ENTRY_POINTS, Document, load_configuration
from killswitch_console.example import example

SWITCHED_OFF = re.compile(r'^#(?=\[|"|[a-z_]+ = )', re.MULTILINE)


def switched_on() -> str:
    return SWITCHED_OFF.sub("", example())


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_as_it_stands_it_is_a_configuration_without_a_platform(tmp_path: Path) -> None:
    loaded = load_configuration(written(tmp_path, example()))
    assert loaded.backends == ()
    assert loaded.document == Document()


def test_with_every_key_switched_on_it_loads_and_an_engine_could_be_made(tmp_path: Path) -> None:
    loaded = load_configuration(written(tmp_path, switched_on()))
    kinds = {point.name for point in entry_points(group=ENTRY_POINTS)}
    assert {backend.kind.kind for backend in loaded.backends} == kinds
    assert len(loaded.document.vault) == 2, "one of each kind"
    assert set(engine_settings(loaded).layers) == kinds


def _keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_every_key_is_in_it(tmp_path: Path) -> None:
    text = switched_on()
    for key in _keys(Document) | {k for p in entry_points(group=ENTRY_POINTS) for k in _keys(p.load().settings)}:
        assert re.search(rf"^{key} = |^\[+(?:\w+\.)?{key}\]+$", text, re.MULTILINE), key


def test_it_says_what_keys_mean_and_which_are_required() -> None:
    text = example()
    assert "# Flags that carry this tag gate agents." in text
    assert "One of dark, light, high-contrast, colour-blind, plain." in text
    assert re.search(r"Required\.\n#name = ", text)
    assert max(map(len, text.splitlines())) <= 120
