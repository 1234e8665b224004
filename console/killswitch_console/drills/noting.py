"""What the audit trail says of a drill: that it began, and how it ended, with the hash that its own log has.

A drill on the simulator has a trail of its own, with an origin and a key of its own, in its folder. The trail of the
real configuration hears of it from outside the cordon, so that a reviewer sees that drills take place, and which log is
whose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from killswitch_console.audit.assembling import new_session, trail_recorder
from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.findings import Standing, standing
from killswitch_console.audit.notes import NoteError, Verifier
from killswitch_console.audit.reading import open_volume
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.config import Configuration
from killswitch_console.drills.scenario import Scenario
from killswitch_console.drills.scoring import Score
from killswitch_console.halting.recording import RecordingNeeded


def what_is_played(scenario: Scenario, folder: Path) -> dict[str, Any]:
    """What every event about a drill says of it."""
    header = scenario.scenario
    return {
        "scenario": header.id,
        "version": header.version,
        "seed": header.seed,
        "mode": header.mode,
        "run": folder.name,
    }


def drill_started(scenario: Scenario, folder: Path, environment: str) -> dict[str, Any]:
    """The data of ``drill.started``."""
    return {"drill": True, "environment": environment} | what_is_played(scenario, folder)


def drill_ended(scenario: Scenario, folder: Path, environment: str, result: Score) -> dict[str, Any]:
    """The data of ``drill.ended``; the hash ties the drill's own log to this trail."""
    return drill_started(scenario, folder, environment) | {
        "why": result.ended,
        "passed": result.passed,
        "share": f"{result.share:.0%}",
        "event_hash": result.event_hash,
    }


async def note_drill(configuration: Configuration, kind: str, data: Mapping[str, Any]) -> str:
    """Note a drill in the trail of a real configuration; why that could not be, if so. Never raises for a trail."""
    said: list[str] = []
    session = replace(new_session(configuration), drill=True, command="drill")
    try:
        async with trail_recorder(configuration, session, said.append) as recorder:
            about = {"drill": True, "environment": configuration.document.environment, **data}
            await recorder.require(kind, about)
    except (RecordingNeeded, TrailUnavailable, OSError) as error:
        said.append(str(error))
    return "; ".join(said)


def drill_trail(folder: Path) -> TrailDirectory:
    """The trail that a drill's console wrote."""
    return TrailDirectory(folder / "state" / "audit")


def receipts(folder: Path) -> list[str]:
    """The heads of a drill's own trail, as origin, size and root: what ties that trail to another one."""
    found: list[str] = []
    for path in drill_trail(folder).volumes():
        try:
            with open_volume(path) as volume:
                head = volume.head()
                found.append(f"{head.origin} {head.edge.size} {head.edge.root().hex()}")
        except TrailUnavailable as error:
            found.append(f"{path.name} cannot be read: {error}")
    return found


def verified_trail(folder: Path) -> tuple[str, tuple[str, ...]]:
    """What verifying a drill's own trail came to, in words, and what was found wrong."""
    directory = drill_trail(folder)
    if not directory.volumes():
        return "there is none: nobody sat at the console", ()
    try:
        verifier = Verifier.parse(directory.verifier_file.read_text(encoding="ascii"))
    except (OSError, NoteError) as error:
        return str(Standing.UNVERIFIABLE), (f"{directory.verifier_file}: {error}",)
    reports = verify_directory(directory, verifier, {})
    findings = [finding for report in reports for finding in report.findings]
    size = sum(report.size for report in reports)
    return f"{standing(findings)}: {size} events", tuple(map(str, findings))


def recordings(folder: Path) -> tuple[Path, ...]:
    """Recordings of the screens of a drill (asciicast), oldest first."""
    return tuple(sorted(drill_trail(folder).recordings.glob("*.cast")))
