"""The last known fleet on the screen before anything else is loaded: painted by hand, some tens of milliseconds in.

Textual, the engine and the platforms take most of a second to import and start. Until then a person sees what the last
session knew, group by group, with its age; the console then takes the screen over. It is a picture, never evidence:
nothing is planned or halted by it. Standard library only, and nothing here may raise to whoever opens the console.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from killswitch_console import ascii_only, private
from killswitch_console.config_files import ConfigurationError, find_configuration, state_folder
from killswitch_console.hostile import clean

GROUPS_MOST: Final = 200
FILE: Final = "frame.json"

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J", "\x1b[?7h\x1b[?25h\x1b[?1049l"
_BOLD, _REVERSE, _PLAIN = "\x1b[1m", "\x1b[7m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class KnownGroup:
    """One group as it was."""

    name: str
    agents: int
    running: int
    healths: str
    """How many of which health, as it was drawn: ``▲1 ●2``."""
    halted: int


@dataclass(frozen=True, slots=True)
class KnownFleet:
    """A fleet as it was, by groups."""

    at: float
    """Seconds since 1970."""
    grouping: str
    groups: tuple[KnownGroup, ...]


def keep(folder: Path, fleet: KnownFleet) -> None:
    """Keep what is known for the next session, whole or not at all. Raises ``OSError``."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{FILE}.")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(asdict(fleet), file)
        Path(name).replace(folder / FILE)
    finally:
        Path(name).unlink(missing_ok=True)


def recall(folder: Path) -> KnownFleet | None:
    """What was kept; None where nothing was, or it cannot be read."""
    try:
        read = json.loads(private.read(folder / FILE))
        groups = tuple(_group(group) for group in read["groups"][:GROUPS_MOST])
        return KnownFleet(float(read["at"]), str(read["grouping"]), groups)
    except (OSError, ValueError, OverflowError, RecursionError, TypeError, KeyError):
        return None


def _group(read: Mapping[str, Any]) -> KnownGroup:
    numbers = (int(read[key]) for key in ("agents", "running", "halted"))
    agents, running, halted = numbers
    return KnownGroup(str(read["name"]), agents, running, str(read["healths"]), halted)


@dataclass(slots=True)
class FirstFrame:
    """What is on the screen until the console takes it over."""

    painted: bool = False

    def take_over(self) -> None:
        """The console has the screen now, and gives it back itself."""
        self.painted = False


@contextmanager
def shown(given: str | None) -> Iterator[FirstFrame]:
    """Show the last known fleet of the configuration that is asked for, until the console takes over, or never does."""
    frame = FirstFrame(_paint(given))
    try:
        yield frame
    finally:
        if frame.painted:
            _write(_LEAVE)


def _paint(given: str | None) -> bool:
    """Paint it, if there is a terminal and anything to paint."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    try:
        path = find_configuration(given)
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ConfigurationError, OSError, ValueError):
        return False  # whoever reads it in earnest says what is wrong with it
    environment, state = read.get("environment", "production"), read.get("state_dir")
    if not isinstance(environment, str) or not isinstance(state, str | None):
        return False
    known = recall(state_folder(path, state) / "fleet")
    if known is None:
        return False
    return show(environment, known)


def show(environment: str, known: KnownFleet) -> bool:
    """Paint a fleet on the terminal's alternate screen; whether that went well."""
    try:
        width, height = os.get_terminal_size(sys.stderr.fileno())
        rows = [_line(line, width) for line in lines(environment, known, width, height)]
        return _write(_ENTER + "\r\n".join(rows))
    except (OSError, ValueError):
        return False


def lines(environment: str, known: KnownFleet, width: int, height: int) -> list[tuple[str, str]]:
    """What is painted: (how, text) per line, as many lines as the screen has."""
    agents, running = sum(g.agents for g in known.groups), sum(g.running for g in known.groups)
    wide = width >= 60
    name = max(16, width - (44 if wide else 14))
    said = [
        (_REVERSE, f" {clean(environment, most=24)}   {agents:,} agents  {running:,} running"),
        (_BOLD, f" last known {_ago(known.at)} ago; starting, what is true now comes in a moment"),
        ("", f"   {known.grouping.upper():<{name}}{'HEALTH':<20}{'RUN':>8}   HALT" if wide else ""),
    ]
    for group in known.groups[: max(0, height - len(said))]:
        label = f"{clean(group.name, most=name - 8)} {group.agents:,}"
        halted = f"   {group.halted:,} halted" if group.halted else ""
        said.append(("", f" ▸ {label:<{name}}{clean(group.healths):<20}{group.running:>8,}{halted}"))
    return said[:height]


def _line(line: tuple[str, str], width: int) -> str:
    how, text = line
    return f"{how}{text[:width]}{_PLAIN if how else ''}"


def _ago(at: float) -> str:
    seconds = max(0.0, time.time() - at)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _write(text: str) -> bool:
    with suppress(OSError):
        shown = ascii_only.to_ascii(text) if ascii_only.wanted(os.environ) else text
        os.write(sys.stderr.fileno(), shown.encode("utf-8", "replace"))
        return True
    return False


def known_fleet(at: float, grouping: str, groups: Iterable[KnownGroup]) -> KnownFleet:
    """A fleet to keep: its first groups."""
    return KnownFleet(at, grouping, tuple(groups)[:GROUPS_MOST])
