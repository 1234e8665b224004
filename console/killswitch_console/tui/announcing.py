"""What people are told at once, whatever screen they look at. Pure: events in, short texts out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from killswitch_console.halting.events import (
    Adopted,
    ApprovalGiven,
    EngineEvent,
    Fight,
    HaltEnded,
    Revived,
    SafeguardPassed,
)
from killswitch_console.tui.halt_book import HaltBook
from killswitch_console.tui.lines import words
from killswitch_console.tui.live_halt import Phase

MOST: Final = 3
"""Revivals told one by one; more at once are counted."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A short text (empty: only the bell), how serious it is, and whether it rings."""

    text: str
    severity: Literal["information", "warning", "error"] = "information"
    rings: bool = False


def announcements(events: Iterable[EngineEvent], book: HaltBook, shown: str) -> list[Announcement]:
    """What to tell of these events to somebody who looks at the halt ``shown`` (or at none)."""
    events = list(events)
    revived = [event for event in events if isinstance(event, Revived)]
    said = [_revived(event) for event in revived[:MOST]]
    if (more := len(revived) - MOST) > 0:
        said.append(Announcement(f"REVIVED: {words.counted(more, 'more target')}", "error"))
    return [*said, *(one for event in events if (one := _one(event, book, shown)) is not None)]


def _revived(event: Revived) -> Announcement:
    by = f" by {event.by}" if event.by else ""
    often = f", for the {event.count}. time" if event.count > 1 else ""
    return Announcement(f"REVIVED{by}{often}: {event.target}; halting it again", "error", rings=True)


def _one(event: EngineEvent, book: HaltBook, shown: str) -> Announcement | None:
    match event:
        case HaltEnded(record):
            header = record.header
            text = "" if header.halt_id == shown else f"{header.scope}: {record.verdict}"
            return Announcement(text, rings=True)
        case Fight(_, target, count, within, by):
            who = f" by {by}" if by else ""
            text = f"FIGHT: {target} was revived {count} times in {within:g} s{who}. Find out what does it and stop it."
            return Announcement(text, "error", rings=True)
        case Adopted(halt_id, agents, targets, left):
            names = ", ".join(key.name for key in agents[:5]) or "agents"
            rest = f"; {len(left)} left" if left else ""
            halted = words.counted(len(targets), "target")
            return Announcement(f"NEW in {_scope(halt_id, book)}: {names}: {halted} halted too{rest}", "warning")
        case ApprovalGiven(halt_id, approval):
            return Announcement(f"{approval.approver} agreed to a restore of {_scope(halt_id, book)}")
        case SafeguardPassed(halt_id, what, invoker, reason):
            text = f"SECURITY EVENT: {_scope(halt_id, book)} {what} by {invoker}: {reason}"
            return Announcement(text, "warning", rings=True)
        case _:
            return None


def breaches(book: HaltBook, now: datetime, told: set[str]) -> list[Announcement]:
    """Objectives that halts under way have overrun by now and that nobody was told of; they are in ``told`` then."""
    said: list[Announcement] = []
    for halt in book.under_way():
        header = halt.header
        if halt.phase is not Phase.HALTING:
            continue
        elapsed = (now - header.invoked_at).total_seconds()
        late = [f"SLO of {header.scope}"] if halt.proven_at is None and elapsed > header.slo_seconds else []
        for ref, tally in halt.tallies.items():
            limit = header.backend_slo.get(ref.kind)
            if limit is not None and tally.proven_at is None and elapsed > limit:
                late.append(f"SLO of {ref} in {header.scope}")
        for what in late:
            if (key := f"{header.halt_id} {what}") not in told:
                told.add(key)
                said.append(Announcement(f"{what} is overrun: not all is proven stopped", "error", rings=True))
    return said


def _scope(halt_id: str, book: HaltBook) -> str:
    halt = book.get(halt_id)
    return str(halt.header.scope) if halt is not None else halt_id
