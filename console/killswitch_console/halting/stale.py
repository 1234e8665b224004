"""Who may still act on a flag's old value, by what agents say themselves. Shown beside a verdict; it changes none."""

from __future__ import annotations

from dataclasses import dataclass

from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import AgentState


@dataclass(frozen=True, slots=True)
class Stale:
    """What is left of a halt at flags, from the agents' side; empty when every one of them caught up or is gone."""

    behind: tuple[str, ...] = ()
    """Instances (``AGENT/INSTANCE``) that evaluated last what was before the halt."""
    lost: tuple[str, ...] = ()
    """Instances that were behind when they fell silent."""
    silent: tuple[str, ...] = ()
    """Agents without the helper: they may hold a stale value until they reconnect."""


def stale(record: HaltRecord) -> Stale:
    """Who has not been heard to hold the value that the halt made.

    An agent whose processes are proven gone holds no value, and is left out.
    """
    if record.restored_at is not None:
        return Stale()
    gone = {agent.key.name for agent in record.agents if agent.state is AgentState.STOPPED}
    behind: set[str] = set()
    lost: set[str] = set()
    silent: set[str] = set()
    for target in record.targets:
        if target.reports is None:
            continue
        behind |= {name for name in target.reports.behind if name.partition("/")[0] not in gone}
        lost |= {name for name in target.reports.lost if name.partition("/")[0] not in gone}
        silent |= set(target.reports.silent(key.name for key in target.agents)) - gone
    return Stale(tuple(sorted(behind)), tuple(sorted(lost)), tuple(sorted(silent)))
