"""Where drills live on this machine: scenarios that come with the console, and one folder for each drill played."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from killswitch_console import private
from killswitch_console.drills.reading import Fault, ScenarioError, read_scenario
from killswitch_console.drills.scenario import Scenario

SHIPPED: Final = Path(__file__).parent / "scenarios"
SCENARIO_FILE: Final = "scenario.toml"


def drills_home(environ: dict[str, str] | None = None) -> Path:
    """The folder of all drills of this account."""
    variables = os.environ if environ is None else environ
    state = Path(variables.get("XDG_STATE_HOME") or Path.home() / ".local/state")
    return state / "killswitch-console" / "drills"


def find_scenario(name: str) -> Path:
    """A file, or a scenario that comes with the console, by its name.

    Raises:
        ScenarioError: when there is neither.
    """
    path = Path(name).expanduser()
    if path.exists() or path.suffix == ".toml":
        return path
    shipped = SHIPPED / f"{name}.toml"
    if re.fullmatch(r"[a-z0-9-]+", name) and shipped.exists():
        return shipped
    raise ScenarioError([Fault(path, 1, "no such file, and no scenario of that name comes with the console")])


def shipped_scenarios() -> list[tuple[Path, Scenario]]:
    """The scenarios that come with the console, by name."""
    return [(path, read_scenario(path)) for path in sorted(SHIPPED.glob("*.toml"))]


def new_folder(home: Path, scenario: Scenario, text: str) -> Path:
    """A fresh folder (0700) for one drill, with its scenario in it."""
    private.folder(home)
    stem = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{scenario.scenario.id}"
    for number in range(1, 1000):
        folder = home / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        (folder / SCENARIO_FILE).write_text(text, encoding="utf-8")
        return folder
    raise FileExistsError(f"{home}: too many drills of one second")


def played(home: Path) -> list[Path]:
    """The folders of drills that were scored, oldest first."""
    if not home.is_dir():
        return []
    return sorted(folder for folder in home.iterdir() if (folder / "score.json").is_file())
