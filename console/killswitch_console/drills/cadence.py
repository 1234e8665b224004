"""How long ago each scope and backend was drilled, and what is due: a switch never drilled is not a working control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from killswitch_backends.outside import parsed
from killswitch_console.drills.homes import played
from killswitch_console.drills.names import BROKEN_OFF, PlayerKind

DUE: Final = timedelta(days=90)

SCOPES: Final = ("agent", "tenant", "class", "global")
BACKENDS: Final = ("kubernetes", "lambda", "iam", "launchdarkly")


@dataclass(frozen=True, slots=True)
class Drilled:
    """When one kind of scope, or one backend, was last halted to the proof in a drill."""

    subject: str
    """``scope class``, ``backend iam``."""
    at: datetime | None
    due: bool

    def document(self) -> dict[str, Any]:
        """It as JSON."""
        return {"of": self.subject, "last": None if self.at is None else f"{self.at:%Y-%m-%d}", "due": self.due}

    def __str__(self) -> str:
        said = "never drilled" if self.at is None else f"last drilled {self.at:%Y-%m-%d}"
        return f"{self.subject}: {said}{' - DUE' if self.due else ''}"


def cadence(home: Path, now: datetime, *, every: timedelta = DUE) -> tuple[Drilled, ...]:
    """When each kind of scope and each backend was last drilled; for ``check`` and reports. Blocks."""
    return judged(last_drilled(home), now, every=every)


def last_drilled(home: Path) -> dict[str, datetime]:
    """The moment at which each kind of scope and each backend was last drilled, as far as it ever was. Blocks."""
    last: dict[str, datetime] = {}
    for at, document in _documents(home):
        for subject in _subjects(document):
            last[subject] = max(at, last.get(subject, at))
    return last


def judged(last: Mapping[str, datetime], now: datetime, *, every: timedelta = DUE) -> tuple[Drilled, ...]:
    """What is due."""
    subjects = [*(f"scope {kind}" for kind in SCOPES), *(f"backend {kind}" for kind in BACKENDS)]
    return tuple(_drilled(subject, last.get(subject), now, every) for subject in subjects)


def _drilled(subject: str, at: datetime | None, now: datetime, every: timedelta) -> Drilled:
    return Drilled(subject, at, at is None or now - at > every)


def last_drilled_scenarios(home: Path) -> dict[str, str]:
    """The date on which each scenario was last played, by its id."""
    return {str(document["scenario"]): f"{at:%Y-%m-%d}" for at, document in _documents(home)}


def _documents(home: Path) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Every scored drill with the moment it was kept, oldest first; what cannot be read counts as not drilled."""
    for folder in played(home):
        file = folder / "score.json"
        try:
            document = parsed(file.read_bytes())
            at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        except (OSError, ValueError):
            continue
        if isinstance(document, dict) and "score" in document:
            yield at, document


def _subjects(document: dict[str, Any]) -> Iterator[str]:
    """What was drilled; nothing by a drill that was broken off, or that a scripted player played on the simulator."""
    if str(document["score"]["ended"]).startswith(BROKEN_OFF) or document.get("player") in set(PlayerKind):
        return
    for halt in document["score"]["halts"]:
        if halt["verdict"] == "stopped":
            yield f"scope {str(halt['scope']).partition(':')[0]}"
            yield from (f"backend {kind}" for kind, seconds in halt["backends"].items() if seconds is not None)
