"""The details of what is selected: an agent with its bindings and instances, or a group's roll-up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from killswitch_console.hostile import clean
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, heading, plain, wrapped
from killswitch_console.tui.lines.sparkline import sparkline
from killswitch_console.tui.model import Grouping, GroupRow
from killswitch_inventory.agents import Agent, Health
from killswitch_inventory.scopes import ScopeKind
from killswitch_inventory.targets import Layer

INSTANCES_MOST = 200
"""Instances listed at most."""


def nothing() -> list[Line]:
    """Nothing is selected."""
    return [plain("nothing is selected", Tone.MUTED)]


def lately(samples: Sequence[int], width: int) -> list[Line]:
    """What ran in the last minutes, as bars; where nothing changed, words that send nothing again."""
    shown = samples[-width:]
    if len(shown) < SAMPLES_LEAST:
        return []
    if min(shown) == max(shown):
        return [plain("no change lately", Tone.MUTED)]
    said = f"{len(shown)} s, {min(shown):,} to {max(shown):,} running"
    return [sparkline(shown, width), plain(said, Tone.MUTED)]


SAMPLES_LEAST = 3
"""Samples that make a line."""


def group(row: GroupRow, width: int, samples: Sequence[int] = ()) -> list[Line]:
    """A class or a tenant: how many agents of which health, and what a halt of it would find."""
    lines = [
        plain(clean(row.name), Tone.STRONG),
        plain(f"{row.grouping} of {words.counted(row.agents, 'agent')}"),
        BLANK,
    ]
    lines.append(_fact("running", f"{row.running:,}"))
    lines += lately(samples, width)
    for health in reversed(Health):
        symbol, tone = words.HEALTH[health]
        if number := row.health[health]:
            lines.append((_label(health), (f"{symbol} {number:,}", tone)))
    if row.halting:
        lines.append((_label("halting"), (f"» {row.halting:,}", Tone.WARN)))
    if row.halted:
        lines.append((_label("halted"), (f"■ {row.halted:,}", Tone.HALTED)))
    if row.uncovered:
        lines.append((_label("not covered"), (f"! {row.uncovered:,}", Tone.WARN)))
        why = "These lack a process or a credential layer: a halt stops them less than soundly."
        lines += [BLANK, *wrapped(why, width, tone=Tone.MUTED)]
    if row.marked:
        lines += [BLANK, plain(f"H  halt the {words.counted(row.marked, 'marked agent')}", Tone.ACCENT)]
    elif row.grouping in SCOPES:
        lines += [BLANK, plain(f"H  halt {SCOPES[row.grouping]}:{clean(row.name)}", Tone.ACCENT)]
    else:
        why = "Halting goes by agent, class, tenant or everything: open the group, or mark its agents (Space)."
        lines += [BLANK, *wrapped(why, width, tone=Tone.MUTED)]
    return lines


SCOPES: Final = {Grouping.CLASS: ScopeKind.CLASS, Grouping.TENANT: ScopeKind.TENANT}
"""Groups that are a scope of their own."""


def agent(seen: Agent, now: datetime, width: int, *, doubt: str = "", samples: Sequence[int] = ()) -> list[Line]:
    """One agent: who it is, how it does, how it can be stopped; ``doubt`` says why its coverage is not known yet."""
    symbol, tone = words.HEALTH[seen.health]
    lines: list[Line] = [
        plain(clean(seen.key.name), Tone.STRONG),
        _fact("class", clean(seen.key.agent_class)),
        _fact("tenant", clean(seen.key.tenant)),
        (_label("health"), (f"{symbol} {seen.health}", tone)),
        _fact("running", f"{seen.concurrency:,}"),
        *lately(samples, width),
        _fact("seen", f"{words.age(seen.oldest_fact, now)} ago"),
    ]
    if seen.halted:
        lines.append((_label("halt"), ("■ carries a halt's mark", Tone.HALTED)))
    return [*lines, *_coverage(seen, doubt, width), BLANK, *_bindings(seen, width), BLANK, *_instances(seen, width)]


_MISSING = {
    Layer.PROCESS: "no process layer: a halt can only limit it",
    Layer.CREDENTIAL: "no credential layer: what it holds stays valid",
}


def _coverage(seen: Agent, doubt: str, width: int) -> list[Line]:
    if not seen.uncovered:
        return [(_label("layers"), (words.layers(seen.layers), Tone.OK), ("  covered", Tone.OK))]
    if doubt:
        known: Line = (_label("layers"), (words.layers(seen.layers), Tone.MUTED))
        return [known, *wrapped(doubt, width, tone=Tone.MUTED, indent="  ")]
    lines: list[Line] = [(_label("layers"), (words.layers(seen.layers), Tone.WARN), ("  ! not covered", Tone.WARN))]
    for layer in seen.uncovered:
        lines += wrapped(_MISSING[layer], width, tone=Tone.WARN, indent="  ")
    return lines


def _bindings(seen: Agent, width: int) -> list[Line]:
    lines = [heading(f"Bindings {len(seen.bindings)}", width)]
    if not seen.bindings:
        return [*lines, plain("no target is known for it", Tone.WARN)]
    for binding in seen.bindings:
        first, *rest = wrapped(clean(str(binding.target)), width - 2) or [BLANK]
        lines.append(((f"{words.LETTER[binding.layer]} ", Tone.ACCENT), *first))
        lines += [(("  ", Tone.PLAIN), *line) for line in rest]
        lines.append(plain(f"  {binding.layer}, by {binding.how}", Tone.MUTED))
    return lines


def _instances(seen: Agent, width: int) -> list[Line]:
    lines = [heading(f"Instances {len(seen.instances)}", width)]
    if not seen.instances:
        return [*lines, plain("none is reported", Tone.MUTED)]
    for instance in seen.instances[:INSTANCES_MOST]:
        symbol, tone = words.HEALTH[instance.health]
        ending = "  terminating" if instance.terminating else ""
        where = f"  {clean(instance.where, most=40)}" if instance.where else ""
        lines.append(
            ((f"{symbol} ", tone), (clean(instance.name), Tone.PLAIN), (ending, Tone.WARN), (where, Tone.MUTED))
        )
    if (more := len(seen.instances) - INSTANCES_MOST) > 0:
        lines.append(plain(f"and {more:,} more", Tone.MUTED))
    return lines


def _label(text: str) -> tuple[str, Tone]:
    return f"{text:<12}", Tone.MUTED


def _fact(label: str, value: str) -> Line:
    return _label(label), (value, Tone.PLAIN)
