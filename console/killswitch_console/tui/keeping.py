"""Keeping what the screen knows of the fleet for the first frame of the next session (``last_frame.py``)."""

from __future__ import annotations

import logging
from pathlib import Path

from killswitch_console.tui.last_frame import KnownFleet, KnownGroup, keep, known_fleet
from killswitch_console.tui.lines import words
from killswitch_console.tui.model import FleetModel, Grouping, GroupRow
from killswitch_inventory.agents import Health

_LOG = logging.getLogger(__name__)


def known_now(fleet: FleetModel, at: float) -> KnownFleet:
    """What is known now, by classes; the grouping and the filter of this session are its own."""
    rows = fleet.by_class() if fleet.filter or fleet.grouping is not Grouping.CLASS else fleet.group_rows()
    return known_fleet(at, str(Grouping.CLASS), (_group(row) for row in rows))


def _group(row: GroupRow) -> KnownGroup:
    counts = [f"{words.HEALTH[health][0]}{row.health[health]:,}" for health in reversed(Health) if row.health[health]]
    return KnownGroup(row.name, row.agents, row.running, " ".join(counts), row.halted)


def keep_quietly(state_dir: Path, known: KnownFleet) -> None:
    """Keep it; that it cannot be kept is a line in the log of the process, and nothing more. Blocks on the disk."""
    try:
        keep(state_dir / "fleet", known)
    except OSError as error:
        _LOG.warning("the fleet could not be kept for the next session: %r", error)
