"""The audit trail in lines: its state, one event per row, and all that one event says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from killswitch_console.audit.browsing import Sink, Standing
from killswitch_console.audit.events import Event
from killswitch_console.audit.in_words import summary
from killswitch_console.audit.merkle import leaf_hash
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import BLANK, Line, Span, Tone, fit, heading, plain, right, wrapped

WIDE: Final = 100
"""From this width on there is room for who did it."""

_ROOMY: Final = 150
"""From this width on there is room for a target's whole name."""

_PLACE, _AT, _KIND, _BY = 9, 17, 18, 18

_TONES: Final = {
    "halt.confirmed": Tone.HALTED,
    "halt.ended": Tone.STRONG,
    "restore.confirmed": Tone.HALTED,
    "restore.ended": Tone.STRONG,
    "target.revived": Tone.BAD,
    "target.error": Tone.WARN,
    "action.refused": Tone.WARN,
    "security.override": Tone.BAD,
    "audit.alarm": Tone.BAD,
    "audit.gap": Tone.WARN,
}

_TOLD: Final = ("seq", "at", "kind", "actor", "session", "halt", "incident", "id")


@dataclass(frozen=True, slots=True)
class Checked:
    """What the last verification from this screen said."""

    running: bool = False
    standing: str = ""
    """``whole``, ``cannot be verified``, ``tampered``; empty when it did not come to an end."""
    findings: tuple[str, ...] = ()
    problem: str = ""
    at: datetime | None = None


def state(standing: Standing, checked: Checked, now: datetime, width: int) -> list[Line]:
    """How the trail stands: how long it is, what is off this machine, what a verification said."""
    lines: list[Line] = [_size(standing)]
    lines += [_sink(sink, now) for sink in standing.sinks]
    if not any(sink.name == "s3" for sink in standing.sinks):
        lines.append(plain(" no remote anchor is configured ([audit.s3]): a truncation would not show", Tone.WARN))
    if standing.refused:
        lines.append(plain(f" {words.counted(standing.refused, 'record')} refused by a mirror for good", Tone.WARN))
    lines += _checked(checked, now, width)
    if standing.problem:
        lines += wrapped(clean(standing.problem, most=300), width - 2, tone=Tone.BAD, indent=" ")[:2]
    return lines


def _size(standing: Standing) -> Line:
    events = f"{standing.events:,} events"
    volumes = f" in {standing.volumes} volumes" if standing.volumes > 1 else ""
    spans: list[Span] = [(" Audit trail  ", Tone.ACCENT), (events + volumes, Tone.STRONG)]
    if standing.receipt:
        spans.append((f"  receipt {standing.receipt}", Tone.MUTED))
    if standing.unsigned > 0 and standing.events:
        spans.append((f"  {standing.unsigned:,} not signed", Tone.WARN))
    return tuple(spans)


_SINKS: Final = {
    "s3": ("remote anchor", "not anchored"),
    "otlp": ("OTLP mirror", "not sent"),
    "webhook": ("webhook", "not sent"),
}


def _sink(sink: Sink, now: datetime) -> Line:
    name, lacks = _SINKS[sink.name]
    tone = Tone.OK if not sink.behind and not sink.problem else Tone.WARN
    said = f"{sink.behind:,} events {lacks}" if sink.behind else "has everything"
    last = f"; last {words.age(datetime.fromisoformat(sink.last), now)} ago" if sink.last else "; never yet"
    if sink.since:
        said += f", the oldest {words.age(datetime.fromisoformat(sink.since), now)} old"
    spans: list[Span] = [(f" {name}: {said}{last}", tone)]
    if sink.problem:
        spans.append((f"  {clean(sink.problem, most=120)}", Tone.BAD))
    return tuple(spans)


def _checked(checked: Checked, now: datetime, width: int) -> list[Line]:
    if checked.running:
        return [plain(" verifying ...", Tone.ACCENT)]
    if checked.problem:
        return wrapped(f"verify: {clean(checked.problem, most=300)}", width - 2, tone=Tone.BAD, indent=" ")[:2]
    if not checked.standing or checked.at is None:
        return [plain(" not verified from here yet (v)", Tone.MUTED)]
    tone = Tone.OK if checked.standing == "whole" else Tone.BAD
    lines = [plain(f" {checked.standing.upper()}, verified {words.age(checked.at, now)} ago", tone)]
    most = 3
    lines += [plain(f"   {clean(one, most=300)}", Tone.BAD) for one in checked.findings[:most]]
    if len(checked.findings) > most:
        lines.append(plain(f"   and {len(checked.findings) - most} more (audit verify)", Tone.BAD))
    return lines


def header(width: int) -> Line:
    """The names of the columns."""
    text = right("#", _PLACE - 1) + " " + fit("  AT", _AT) + fit("EVENT", _KIND)
    if width >= WIDE:
        text += fit("BY", _BY)
    return ((fit(text + "WHAT", width), Tone.MUTED),)


def row(event: Event, width: int) -> Line:
    """One event in one line. A drill's are marked by a D, late ones by an L."""
    try:
        body = event.fields
        kind, data = str(body["kind"]), body["data"]
        about = _short(str(data.get("target") or data.get("scope") or ""), width)
        said = f"{about} {summary(body)}".strip()
        at, by = str(body["at"]), str(body["actor"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ((right(f"{event.seq}", _PLACE - 1), Tone.BAD), ("  its bytes do not read: they were changed", Tone.BAD))
    mark = "D" if body.get("drill") else "L" if body.get("late") else " "
    spans: list[Span] = [
        (right(f"{event.seq}", _PLACE - 1) + mark, Tone.MUTED),
        (f" {at[5:10]} {at[11:19]}"[:_AT].ljust(_AT), Tone.MUTED),
        (fit(clean(kind), _KIND - 1) + " ", _TONES.get(kind, _tone(kind))),
    ]
    if width >= WIDE:
        spans.append((fit(clean(by), _BY - 1) + " ", Tone.PLAIN))
    room = width - _PLACE - _AT - _KIND - (_BY if width >= WIDE else 0)
    spans.append((fit(clean(said, most=400), room), Tone.PLAIN))
    return tuple(spans)


def _short(about: str, width: int) -> str:
    """What an event is about, by its last name where there is no room for all of them."""
    return about if width >= _ROOMY else about.rpartition("/")[2]


def _tone(kind: str) -> Tone:
    if kind.startswith("glass."):
        return Tone.WARN
    return Tone.DRILL_TEXT if kind.startswith("drill.") else Tone.PLAIN


def gone(width: int) -> Line:
    """The row of an event that should be there."""
    return ((fit(" removed: there is no event in this place", width), Tone.BAD),)


def coming(width: int) -> Line:
    """The row of an event that is still being read."""
    return ((fit(" ...", width), Tone.MUTED),)


def details(event: Event, *, signed: bool | None, anchored: bool | None, width: int) -> list[Line]:
    """All that one event says, and what proves it.

    Args:
        event: the event.
        signed: whether a signature covers it; None while that is not known.
        anchored: whether the remote anchor has it; None where there is none.
        width: cells of a line.
    """
    try:
        body = event.fields
    except ValueError:
        return [plain(f"event {event.seq}: its bytes do not read, they were changed", Tone.BAD)]
    lines = [heading(f"event {event.seq}", width)]
    for name in _TOLD[1:]:
        if body.get(name) is not None:
            lines += _field(name, str(body[name]), width)
    if body.get("drill"):
        lines += _field("drill", "yes: nothing of it touched production", width)
    if body.get("late"):
        lines += _field("late", "it was put in after an audit.gap", width)
    lines += [BLANK, heading("says", width), *_data(body.get("data"), width)]
    lines += [BLANK, heading("proof", width), *_field("hash", leaf_hash(event.body).hex(), width)]
    lines += _field("follows", str(body.get("prev")), width)
    lines += _field("signed", {True: "yes", False: "not yet", None: "?"}[signed], width)
    lines += _field(
        "anchored", {True: "yes", False: "not yet", None: "no remote anchor is configured"}[anchored], width
    )
    return lines


def _field(name: str, value: str, width: int) -> list[Line]:
    room = max(8, width - 11)
    first, *rest = wrapped(clean(value, most=4000), room) or [plain("")]
    label: Span = (fit(name, 10) + " ", Tone.MUTED)
    return [(label, *first), *(((" " * 11, Tone.PLAIN), *line) for line in rest)]


def _data(data: object, width: int) -> list[Line]:
    """Particulars, one per line; what is nested is indented."""
    if not isinstance(data, Mapping):
        return wrapped(clean(json.dumps(data, ensure_ascii=False), most=4000), width)
    return [line for name, value in data.items() for line in _value(clean(str(name)), value, width, "")]


def _value(name: str, value: Any, width: int, indent: str) -> list[Line]:
    if isinstance(value, Mapping) and value:
        inner = [line for key, one in value.items() for line in _value(clean(str(key)), one, width, indent + "  ")]
        return [((f"{indent}{name}", Tone.MUTED),), *inner]
    if isinstance(value, list) and value:
        inner = [line for one in value for line in _value("-", one, width, indent + "  ")]
        return [((f"{indent}{name}", Tone.MUTED),), *inner]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    label = f"{indent}{name} "
    first, *rest = wrapped(clean(text, most=4000), max(8, width - len(label))) or [plain("")]
    return [((label, Tone.MUTED), *first), *(((" " * len(label), Tone.PLAIN), *line) for line in rest)]


def searching(question: str, found: int, left: int, total: int) -> Line:
    """What is looked for, and how far that is."""
    spans: list[Span] = [(" / ", Tone.ACCENT), (clean(question, most=200), Tone.STRONG)]
    spans.append((f"  {words.counted(found, 'event')}", Tone.PLAIN))
    if left > 0:
        done = 100 * (total - left) // max(1, total)
        spans.append((f"  looked through {done} %", Tone.MUTED))
    return tuple(spans)
