"""The picture of one halt: when each backend was asked, accepted and proven, against the published objectives.

One SVG without scripts or outside references; it prints. Time runs to the right from the confirmation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Final

from killswitch_console.audit.events import Body

WIDTH: Final = 960
LEFT: Final = 150
ROW: Final = 34
TOP: Final = 34

_GOOD = ("stopped", "restored")


@dataclass(slots=True)
class _Lane:
    """One backend: its first request, the moments of its targets, its last proof."""

    calls: list[float] = field(default_factory=list)
    proofs: list[float] = field(default_factory=list)
    revivals: list[float] = field(default_factory=list)
    restores: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)


def timeline(events: Sequence[Body]) -> str:
    """The picture of a halt's events (all of one halt), or nothing where there is no confirmation."""
    confirmed = next((e for e in events if e["kind"] == "halt.confirmed"), None)
    if confirmed is None:
        return ""
    begin = _seconds(confirmed["at"])
    lanes: defaultdict[str, _Lane] = defaultdict(_Lane)
    for event in events:
        _place(event, _seconds(event["at"]) - begin, lanes)
    data = confirmed["data"]
    objectives = {kind: ms / 1000 for kind, ms in data.get("backend_slo_ms", {}).items()}
    scope_slo = data.get("slo_ms", 0) / 1000
    ended = {e["kind"]: _seconds(e["at"]) - begin for e in events if e["kind"] in ("halt.ended", "restore.ended")}
    moments = [t for lane in lanes.values() for t in _moments(lane)]
    span = max([1.0, scope_slo, *objectives.values(), *moments, *ended.values()]) * 1.04
    return _svg(str(data.get("scope")), dict(sorted(lanes.items())), span, scope_slo, objectives, ended)


def _place(event: Body, at: float, lanes: defaultdict[str, _Lane]) -> None:
    target = event["data"].get("target")
    if not isinstance(target, str):
        return
    lane = lanes[target.partition("/")[0]]
    match event["kind"]:
        case "target.call":
            lane.calls.append(at)
        case "target.revived":
            lane.revivals.append(at)
        case "target.error":
            lane.errors.append(at)
        case "target.state" if event["data"].get("state") == "stopped":
            lane.proofs.append(at)
        case "target.state" if event["data"].get("state") == "restored":
            lane.restores.append(at)


def _moments(lane: _Lane) -> list[float]:
    return [*lane.calls, *lane.proofs, *lane.revivals, *lane.restores, *lane.errors]


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def _svg(
    scope: str, lanes: dict[str, _Lane], span: float, slo: float, objectives: dict[str, float], ended: dict[str, float]
) -> str:
    height = TOP + ROW * len(lanes) + 46
    foot = height - 40

    def x(at: float) -> float:
        return round(LEFT + (WIDTH - LEFT - 20) * max(0.0, at) / span, 1)

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">',
        f"<title>Timeline of the halt of {escape(scope)}</title>",
        f'<text x="8" y="18" class="head">{escape(_cut(scope, 60))}</text>',
    ]
    for second in _ticks(span):
        parts.append(f'<line x1="{x(second)}" y1="{TOP - 8}" x2="{x(second)}" y2="{foot}" class="tick"/>')
        parts.append(f'<text x="{x(second)}" y="{foot + 14}" class="label middle">{second:g} s</text>')
    for number, (name, lane) in enumerate(lanes.items()):
        y = TOP + ROW * number
        parts += _lane(name, lane, y, x, objectives.get(name.partition(":")[0]))
    if slo:
        parts.append(f'<line x1="{x(slo)}" y1="{TOP - 12}" x2="{x(slo)}" y2="{foot}" class="slo"/>')
        parts.append(f'<text x="{x(slo) - 4}" y="{TOP - 14}" class="label end">objective {slo:g} s</text>')
    for kind, at in ended.items():
        parts.append(f'<line x1="{x(at)}" y1="{TOP - 8}" x2="{x(at)}" y2="{foot}" class="end-line"/>')
        parts.append(f'<text x="{x(at)}" y="{foot + 30}" class="label middle">{escape(kind)} {at:.1f} s</text>')
    return "\n".join([*parts, "</svg>"])


def _lane(name: str, lane: _Lane, y: int, x: object, slo: float | None) -> list[str]:
    assert callable(x)  # noqa: S101  (a closure; for the type checker)
    middle = y + ROW // 2
    parts = [f'<text x="8" y="{middle + 4}" class="label">{escape(_cut(name, 22))}</text>']
    done = lane.proofs or lane.restores
    if lane.calls and done:
        begin, end = x(min(lane.calls)), x(max(done))
        parts.append(
            f'<rect x="{begin}" y="{middle - 7}" width="{max(2, round(end - begin, 1))}" height="14" class="bar"/>'
        )
    if slo is not None:
        parts.append(f'<line x1="{x(slo)}" y1="{y + 3}" x2="{x(slo)}" y2="{y + ROW - 3}" class="lane-slo"/>')
    marks = (("call", lane.calls), ("proof", lane.proofs), ("error", lane.errors))
    for name_of, times in (*marks, ("revival", lane.revivals), ("restore", lane.restores)):
        parts += [_mark(name_of, x(at), middle, at) for at in _thin(times)]
    return parts


def _mark(kind: str, x: float, y: int, at: float) -> str:
    title = f"<title>{kind} {at:.1f} s</title>"
    if kind == "revival":
        return f'<path d="M{x} {y - 9}l8 15h-16z" class="{kind}">{title}</path>'
    if kind == "restore":
        return f'<path d="M{x} {y - 7}l7 7l-7 7l-7 -7z" class="{kind}">{title}</path>'
    return f'<circle cx="{x}" cy="{y}" r="{2.5 if kind == "call" else 3.5}" class="{kind}">{title}</circle>'


def _thin(times: Sequence[float], most: int = 200) -> list[float]:
    """Few enough marks to draw, the first and the last among them."""
    ordered = sorted(times)
    if len(ordered) <= most:
        return ordered
    return [ordered[round(i * (len(ordered) - 1) / (most - 1))] for i in range(most)]


def _ticks(span: float) -> list[float]:
    steps = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
    step = next((s for s in steps if span / s <= 8), span / 8)
    return [i * step for i in range(int(span / step) + 1)]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
