"""The two charts of an after-action report, as SVG: what happened when, and how long each halt took to its proof."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Final

from killswitch_console.drills.durations import clock_text
from killswitch_console.drills.happened import Happened
from killswitch_console.hostile import clean

_WIDTH: Final = 900
_LEFT: Final = 215
_ROW: Final = 34

_LANES: Final = (
    ("script", ("inject.", "fault."), "#5b6b7b"),
    ("responder", ("responder.", "plan.", "action."), "#2f6fb0"),
    ("halt", ("halt.", "layer."), "#b3261e"),
    ("revival", ("target.", "trail."), "#b26a00"),
    ("restore", ("restore.",), "#2e7d32"),
)


def timeline(events: Sequence[Happened]) -> str:
    """Events in drill time, one lane for each who acts; every mark has its words as a tooltip."""
    end = max((happened.at for happened in events), default=0.0) or 1.0
    height = _ROW * len(_LANES) + 40
    parts = [_open(height, "What happened when")]
    for row, (name, prefixes, colour) in enumerate(_LANES):
        y = row * _ROW + 22
        parts.append(f'<text x="8" y="{y + 4}">{name}</text>')
        parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - 20}" y2="{y}" stroke="#d5d9dd"/>')
        parts += [_mark(e, _x(e.at, end), y, colour) for e in events if e.event.startswith(prefixes)]
    parts += _axis(end, _ROW * len(_LANES) + 18)
    return "".join([*parts, "</svg>"])


def _mark(happened: Happened, x: float, y: float, colour: str) -> str:
    facts = " ".join(str(value) for value in happened.facts.values())
    words = escape(clean(f"{clock_text(happened.at)} {happened.event} {facts}"))
    return f'<circle cx="{x:.1f}" cy="{y}" r="6" fill="{colour}" fill-opacity=".8"><title>{words}</title></circle>'


def _axis(end: float, y: float) -> list[str]:
    steps = [end * part / 6 for part in range(7)]
    return [f'<text x="{_x(at, end):.1f}" y="{y}" text-anchor="middle">{clock_text(at)}</text>' for at in steps]


def _x(at: float, end: float) -> float:
    return _LEFT + (_WIDTH - 20 - _LEFT) * at / end


def times_to_halt(halts: Sequence[dict[str, Any]]) -> str:
    """One bar for each halt and each of its backends, with the published objective as a line."""
    rows = [row for halt in halts for row in _rows(halt)]
    most = max([1.0, *(row[1] or 0 for row in rows), *(row[2] for row in rows)]) * 1.1
    height = _ROW * max(1, len(rows)) + 30
    parts = [_open(height, "Seconds to proof")]
    for number, (name, seconds, slo, whole) in enumerate(rows):
        y = number * _ROW + 8
        weight = ' font-weight="bold"' if whole else ""
        parts.append(f'<text x="8" y="{y + 15}"{weight}>{escape(clean(name, most=28))}</text>')
        if seconds is None:
            parts.append(f'<text x="{_LEFT + 6}" y="{y + 15}" fill="#b3261e">not proven</text>')
        else:
            late = whole and seconds > slo
            end = _x(seconds, most)
            fill = "#b3261e" if late else ("#2e7d32" if whole else "#8fb58f")
            parts.append(f'<rect x="{_LEFT}" y="{y}" width="{end - _LEFT:.1f}" height="20" fill="{fill}"/>')
            parts.append(f'<text x="{end + 6:.1f}" y="{y + 15}">{seconds:.1f} s</text>')
        if whole:
            x = _x(slo, most)
            parts.append(
                f'<line x1="{x:.1f}" y1="{y - 4}" x2="{x:.1f}" y2="{y + 24}" stroke="#222" stroke-dasharray="3"/>'
            )
            parts.append(f'<text x="{x - 4:.1f}" y="{y + 15}" text-anchor="end">objective {slo:g} s</text>')
    return "".join([*parts, "</svg>"])


def _rows(halt: dict[str, Any]) -> list[tuple[str, float | None, float, bool]]:
    proven = halt["verdict"] == "stopped"
    rows: list[tuple[str, float | None, float, bool]] = [
        (halt["scope"], halt["seconds"] if proven else None, halt["slo"], True)
    ]
    return rows + [(f"  {kind}", seconds, halt["slo"], False) for kind, seconds in halt["backends"].items()]


def _open(height: float, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{title}" '
        f'font-family="system-ui, sans-serif" font-size="13"><title>{title}</title>'
    )
