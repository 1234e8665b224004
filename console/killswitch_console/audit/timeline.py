"""The picture of one halt: when each backend was asked, accepted and proven, against the published objectives.

One SVG without scripts or outside references; it prints. Time runs to the right from the confirmation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from killswitch_console.audit.axis import Axis, spoken
from killswitch_console.audit.events import Body
from killswitch_console.hostile import escaped

WIDTH: Final = 960
LEFT: Final = 150
ROW: Final = 34
TOP: Final = 34


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
    axis = Axis.of([scope_slo, *objectives.values(), *moments, *ended.values()], LEFT, WIDTH - 20)
    return _svg(str(data.get("scope")), dict(sorted(lanes.items())), axis, scope_slo, objectives, ended)


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
    scope: str, lanes: dict[str, _Lane], axis: Axis, slo: float, objectives: dict[str, float], ended: dict[str, float]
) -> str:
    height = TOP + ROW * len(lanes) + 46
    foot = height - 40
    x = axis.place
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">',
        f"<title>Timeline of the halt of {escaped(scope)}</title>",
        f'<text x="8" y="18" class="head">{escaped(_cut(scope, 60))}</text>',
    ]
    for second, said in axis.ticks():
        parts.append(f'<line x1="{x(second)}" y1="{TOP - 8}" x2="{x(second)}" y2="{foot}" class="tick"/>')
        parts.append(f'<text x="{x(second)}" y="{foot + 14}" class="label middle">{said}</text>')
    for number, (name, lane) in enumerate(lanes.items()):
        y = TOP + ROW * number
        parts += _lane(name, lane, y, x, objectives.get(name.partition(":")[0]))
    if slo:
        parts.append(f'<line x1="{x(slo)}" y1="{TOP - 12}" x2="{x(slo)}" y2="{foot}" class="slo"/>')
        parts.append(f'<text x="{x(slo) - 4}" y="{TOP - 14}" class="label end">objective {slo:g} s</text>')
    for kind, at in ended.items():
        parts.append(f'<line x1="{x(at)}" y1="{TOP - 8}" x2="{x(at)}" y2="{foot}" class="end-line"/>')
        anchor, shift = ("end", 18) if x(at) > WIDTH - 90 else ("middle", 0)
        said = f"{escaped(kind)} {spoken(round(at, 1))}"
        parts.append(f'<text x="{x(at) + shift}" y="{foot + 30}" class="label {anchor}">{said}</text>')
    parts += _cut_out(axis, foot)
    return "\n".join([*parts, "</svg>"])


def _lane(name: str, lane: _Lane, y: int, x: Callable[[float], float], slo: float | None) -> list[str]:
    middle = y + ROW // 2
    parts = [f'<text x="8" y="{middle + 4}" class="label">{escaped(_cut(name, 22))}</text>']
    if lane.calls and lane.proofs:
        begin, end = x(min(lane.calls)), x(max(lane.proofs))
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


def _cut_out(axis: Axis, foot: int) -> list[str]:
    """The mark where the axis leaves a stretch out."""
    if axis.cut is None:
        return []
    left, right, seconds = axis.cut
    middle = round((left + right) / 2, 1)
    return [
        f'<rect x="{left}" y="{TOP - 10}" width="{right - left}" height="{foot - TOP + 10}" class="cut"/>',
        f'<text x="{middle}" y="{TOP - 14}" class="label middle">{spoken(round(seconds))} later</text>',
    ]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
