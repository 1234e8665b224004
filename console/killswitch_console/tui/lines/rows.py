"""The rows of the fleet's tree, in as many columns as the width has room for."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len

from killswitch_console.hostile import clean
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import Line, Span, Tone, fit, right
from killswitch_console.tui.model import AgentRow, Grouping, GroupRow
from killswitch_inventory.agents import Health


@dataclass(frozen=True, slots=True)
class Columns:
    """The width of each column, 0 where there is no room for it."""

    name: int
    other: int
    """Tenant, or class when grouped by tenant."""
    health: int
    running: int
    layers: int
    status: int


MARK = "* "
"""Stands before an agent that is marked."""

MARGIN = 2
"""The cursor's mark, and a space."""


def columns(width: int) -> Columns:
    """Give columns away in the order of their importance: the name last."""
    other = 14 if width >= 92 else 0
    status = 24 if width >= 70 else 17 if width >= 56 else 14
    layers = 6 if width >= 46 else 0
    running = 6 if width >= 38 else 0
    health = 11 if width >= 30 else 2
    name = width - MARGIN - other - health - running - layers - status
    return Columns(max(8, name), other, health, running, layers, status)


def header(width: int, grouping: Grouping) -> Line:
    """The names of the columns."""
    c = columns(width)
    other = "TENANT" if grouping is Grouping.CLASS else "CLASS"
    text = (
        " " * MARGIN
        + fit(f"{grouping.upper()} / AGENT", c.name - 1)
        + " "
        + fit(other, c.other)
        + fit("HEALTH" if c.health > 6 else "", c.health)
        + fit(right("RUN", c.running - 1), c.running)
        + fit("LAYER", c.layers)
        + fit("HALT", c.status)
    )
    return ((text, Tone.MUTED),)


def group(row: GroupRow, width: int) -> Line:
    """A group's row: its name, how many agents of which health, and what is held or uncovered of it."""
    c = columns(width)
    opened = "▾" if row.expanded else "▸"
    agents = f" {row.agents:,} "
    called = clean(row.name)
    room = min(cell_len(called), c.name - 2 - len(agents))
    name: list[Span] = [
        (f"{opened} ", Tone.ACCENT),
        (fit(called, room), Tone.STRONG),
        (fit(agents, c.name - 2 - room), Tone.MUTED),
    ]
    counts = _healths(row, c.other + c.health)
    running = right(f"{row.running:,}", c.running - 1) + " " if c.running else ""
    return (
        *name,
        *counts,
        (running, Tone.PLAIN),
        (" " * c.layers, Tone.PLAIN),
        *_status(_group_status(row), c.status),
    )


def _healths(row: GroupRow, width: int) -> Line:
    """Counts by health, the worst first, as many as there is room for; each with its symbol."""
    spans: list[Span] = []
    used = 0
    for health in (Health.FAILING, Health.DEGRADED, Health.UNKNOWN, Health.OK, Health.IDLE):
        if number := row.health[health]:
            symbol, tone = words.HEALTH[health]
            text = f"{symbol}{number:,} "
            if used + len(text) > width:
                break
            used += len(text)
            spans.append((text, tone))
    return (*spans, (" " * (width - used), Tone.PLAIN))


def agent(row: AgentRow, width: int, grouping: Grouping) -> Line:
    """An agent's row."""
    c = columns(width)
    symbol, tone = words.HEALTH[row.health]
    other = row.key.tenant if grouping is Grouping.CLASS else row.key.agent_class
    return (
        (MARK if row.marked else "  ", Tone.ACCENT),
        (fit(clean(row.key.name), c.name - 3) + " ", Tone.STRONG if row.marked else Tone.PLAIN),
        (fit(clean(other), c.other - 1) + " " if c.other else "", Tone.MUTED),
        (fit(f"{symbol} {row.health}", c.health), tone),
        (right(f"{row.running:,}", c.running - 1) + " " if c.running else "", Tone.PLAIN),
        (fit(words.layers(row.layers), c.layers), Tone.WARN if row.uncovered else Tone.MUTED),
        *_status(_agent_status(row), c.status),
    )


def _agent_status(row: AgentRow) -> list[Span]:
    parts: list[Span] = []
    if row.halting:
        parts.append(("» halting", Tone.WARN))
    elif row.halted:
        parts.append(("■ halted", Tone.HALTED))
    if row.uncovered:
        parts.append(("! not covered", Tone.WARN))
    return parts


def _group_status(row: GroupRow) -> list[Span]:
    parts: list[Span] = []
    if row.marked:
        parts.append((f"* {row.marked:,} marked", Tone.ACCENT))
    if row.halting:
        parts.append((f"» {row.halting:,} halting", Tone.WARN))
    if row.halted:
        parts.append((f"■ {row.halted:,} halted", Tone.HALTED))
    if row.uncovered:
        parts.append((f"! {row.uncovered:,} not covered", Tone.WARN))
    return parts


def _status(parts: list[Span], width: int) -> Line:
    """The parts that fit, the first for certain."""
    spans: list[Span] = []
    left = width
    for text, tone in parts:
        gap = 1 if spans else 0
        if spans and len(text) + gap > left:
            break
        shown = fit(text, left) if len(text) > left else " " * gap + text
        spans.append((shown, tone))
        left -= len(shown)
    return (*spans, (" " * left, Tone.PLAIN))
