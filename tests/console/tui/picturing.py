"""Pictures of screens in the top-level folder ``snapshots/``: an SVG, and beside it the same as readable text.

The comparison is our own: syrupy wants a folder per test file and names made of tests' names, this project wants
``snapshots/fleet-80x24.svg``. ``--snapshot-update`` renews them.
"""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

import pytest
from pytest_textual_snapshot import normalize_svg

from console.tui.driving import Driven

ROOT = Path(__file__).resolve().parents[3] / "snapshots"


SIZES = ((80, 24), (120, 40), (200, 60))
LIGHT = "light"

REST = 3
"""How often in a row a screen must be the same to be at rest."""


class Pictures:
    """Compares what a console shows with the picture of a name."""

    def __init__(self, *, renew: bool) -> None:
        self._renew = renew

    async def __call__(self, driven: Driven, name: str) -> list[str]:
        """What differs from the pictures of a name, once the screen has come to rest; as text first, for reading."""
        await driven.until(lambda: bool(driven.app.places.known))
        await self._rest(driven)
        return [*self._compare(_path(driven, name, ".txt"), driven.text), *self._drawn(driven, name)]

    async def everywhere(self, driven: Driven, name: str) -> list[str]:
        """The same in every size, dark and then light, by changing the size and the theme of one console."""
        size, theme, differences = driven.app.size, driven.app.theme, list[str]()
        for width, height in SIZES:
            await driven.pilot.resize_terminal(width, height)
            differences += await self(driven, name)
        driven.app.theme = LIGHT
        for width, height in reversed(SIZES):
            await driven.pilot.resize_terminal(width, height)
            await self._rest(driven)
            differences += self._drawn(driven, name, "-light")
        driven.app.theme = theme
        await driven.pilot.resize_terminal(*size)
        await self._rest(driven)
        return differences

    def _drawn(self, driven: Driven, name: str, theme: str = "") -> list[str]:
        return self._compare(_path(driven, name, f"{theme}.svg"), normalize_svg(driven.app.export_screenshot()))

    async def _rest(self, driven: Driven) -> None:
        """Wait until the screen stays the same."""
        same, before = 0, ""
        while same < REST:
            await driven.pilot.pause(0.03)
            now = driven.text
            same, before = (same + 1, before) if now == before else (0, now)

    def _compare(self, path: Path, shown: str) -> list[str]:
        if self._renew:
            ROOT.mkdir(exist_ok=True)
            path.write_text(shown, encoding="utf-8")
            return []
        if not path.exists():
            return [f"there is no {path.name} yet: look at the screen, then run with --snapshot-update"]
        kept = path.read_text(encoding="utf-8")
        if shown == kept:
            return []
        if path.suffix != ".txt":
            return [f"{path.name} is not what the screen shows"]
        return list(unified_diff(kept.splitlines(), shown.splitlines(), path.name, "the screen", lineterm=""))


def _path(driven: Driven, name: str, ending: str) -> Path:
    width, height = driven.app.size
    return ROOT / f"{name}-{width}x{height}{ending}"


def pictures(request: pytest.FixtureRequest) -> Pictures:
    """The pictures of this repository; renewed with ``--snapshot-update``."""
    return Pictures(renew=bool(request.config.getoption("--snapshot-update")))
