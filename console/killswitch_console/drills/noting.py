"""What the audit trail says of a drill: that it began, and how it ended, with the hash that its own log has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from killswitch_console.drills.scenario import Scenario
from killswitch_console.drills.scoring import Score


def drill_started(scenario: Scenario, folder: Path, environment: str) -> dict[str, Any]:
    """The data of ``drill.started``."""
    header = scenario.scenario
    return {
        "drill": True,
        "environment": environment,
        "scenario": header.id,
        "version": header.version,
        "seed": header.seed,
        "mode": header.mode,
        "run": folder.name,
    }


def drill_ended(scenario: Scenario, folder: Path, environment: str, result: Score) -> dict[str, Any]:
    """The data of ``drill.ended``; the hash ties the drill's own log to this trail."""
    return drill_started(scenario, folder, environment) | {
        "why": result.ended,
        "passed": result.passed,
        "share": f"{result.share:.0%}",
        "event_hash": result.event_hash,
    }
