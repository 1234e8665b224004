"""The export that people read: one HTML page without scripts or outside references, which prints well.

Everything from a platform or a person passes ``escaped``; the page forbids itself to load or run anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from killswitch_console.audit.events import Body, Event
from killswitch_console.audit.in_words import summary
from killswitch_console.audit.merkle import leaf_hash
from killswitch_console.audit.timeline import timeline
from killswitch_console.hostile import escaped

MOST_ROWS: Final = 5000
"""Rows of one table; the page says how many more there are (other formats have all)."""


STYLE: Final = """
:root { color-scheme: light; }
body { font: 14px/1.45 system-ui, sans-serif; color: #1b1b1f; background: #fff; max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 2px solid #1b1b1f; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; } dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: 12px; } th { text-align: left; border-bottom: 1px solid #1b1b1f; }
td { border-bottom: 1px solid #ddd; padding: .2rem .5rem .2rem 0; vertical-align: top; overflow-wrap: anywhere; }
td.e { white-space: nowrap; max-width: 10rem; overflow: hidden; text-overflow: ellipsis; }
td.n, td.h { font-family: ui-monospace, monospace; white-space: nowrap; color: #555; }
.verdict { display: inline-block; padding: .1rem .6rem; border: 2px solid currentColor; font-weight: 700; text-transform: uppercase; }
.good { color: #0a6b2d; } .bad { color: #a3170f; }
svg { width: 100%; height: auto; border: 1px solid #ccc; background: #fafafa; }
svg text { font: 11px system-ui, sans-serif; fill: #333; } svg .head { font-weight: 700; font-size: 13px; }
svg .middle { text-anchor: middle; } svg .end { text-anchor: end; }
.tick { stroke: #ddd; } .slo { stroke: #a3170f; stroke-width: 2; stroke-dasharray: 6 3; } .lane-slo { stroke: #a3170f; stroke-width: 2; }
.end-line { stroke: #1b1b1f; } .bar { fill: #b9d3ee; } .call { fill: #38648f; } .proof { fill: #0a6b2d; } .error { fill: #c97900; }
.revival { fill: #a3170f; } .restore { fill: #6a3d9a; }
.cut { fill: #fff; stroke: #999; stroke-dasharray: 2 3; }
.key span { margin-right: 1rem; } .k-call { color: #38648f; } .k-proof { color: #0a6b2d; } .k-error { color: #c97900; }
.k-revival { color: #a3170f; } .k-restore { color: #6a3d9a; } footer { margin-top: 2rem; color: #555; font-size: 12px; overflow-wrap: anywhere; }
@media print { * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } body { margin: 0; max-width: none; font-size: 11px; } h2 { break-after: avoid; } tr, svg, dl { break-inside: avoid; } thead { display: table-header-group; } }
"""  # noqa: E501  (style sheet)

_KEY: Final = (
    '<p class="key"><span class="k-call">&#9679; call answered</span>'
    '<span class="k-proof">&#9679; proven stopped</span>'
    '<span class="k-error">&#9679; error</span><span class="k-revival">&#9650; revival</span>'
    '<span class="k-restore">&#9670; restored</span><span class="k-revival">| objective of the backend</span></p>'
)


def page(events: Iterable[Event], *, title: str, footer: Sequence[str]) -> str:
    """The page of some events.

    Args:
        events: in order.
        title: what was selected.
        footer: lines about keys, checkpoints, receipts.
    """
    read = [(event, event.fields) for event in events]
    halts = dict.fromkeys(body["halt"] for _, body in read if body["halt"])
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escaped(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escaped(title)}</h1><p>Events: {len(read)}. Halts: {len(halts)}. Times are UTC.</p>",
    ]
    parts += [_halt(halt, [body for _, body in read if body["halt"] == halt]) for halt in halts]
    parts.append(_table(read))
    parts.append("<footer>" + "<br>".join(map(escaped, footer)) + "</footer></body></html>\n")
    return "\n".join(parts)


def _halt(halt: str, events: Sequence[Body]) -> str:
    confirmed = next((e for e in events if e["kind"] == "halt.confirmed"), None)
    data: dict[str, Any] = confirmed["data"] if confirmed else {}
    facts = [
        ("scope", data.get("scope")),
        ("environment", data.get("environment")),
        ("invoker", confirmed["actor"] if confirmed else None),
        ("confirmed", confirmed["at"] if confirmed else None),
        ("confirmed by", data.get("confirmation")),
        ("reason", data.get("reason")),
        ("incident", data.get("incident")),
        ("profile", data.get("profile")),
        ("drill", "yes" if data.get("drill") else None),
    ]
    ends = [_end(e) for e in events if e["kind"] in ("halt.ended", "restore.ended")]
    listed = "".join(f"<dt>{name}</dt><dd>{escaped(str(value))}</dd>" for name, value in facts if value)
    picture = timeline(events)
    return "".join(
        [
            f"<h2>{escaped(halt)}</h2>",
            "".join(f"<p>{end}</p>" for end in ends),
            f"<dl>{listed}</dl>",
            picture and picture + _KEY,
            _list("Untouched", data.get("untouched")),
            _list("Collateral", data.get("collateral")),
        ]
    )


def _end(event: Body) -> str:
    data = event["data"]
    verdict = str(data.get("verdict"))
    good = verdict in ("stopped", "restored")
    took = f"{data.get('elapsed_ms', 0) / 1000:.1f} s"
    if event["kind"] == "halt.ended":
        met = "within" if data.get("slo_met") else "NOT within"
        took += f", {met} the objective of {data.get('slo_ms', 0) / 1000:g} s"
    what = "halt" if event["kind"] == "halt.ended" else "restore"
    return f'{what} <span class="verdict {"good" if good else "bad"}">{escaped(verdict)}</span> {escaped(took)}'


def _list(title: str, entries: Any) -> str:
    if not entries:
        return ""
    return f"<h3>{title}</h3><ul>" + "".join(f"<li>{escaped(str(entry))}</li>" for entry in entries) + "</ul>"


def _table(read: Sequence[tuple[Event, Body]]) -> str:
    rows = [
        f'<tr><td class="n">{body["seq"]}</td><td class="n">{escaped(body["at"][:23])}</td>'
        f'<td class="e">{escaped(body["kind"])}</td><td class="e">{escaped(body["actor"])}</td>'
        f"<td>{escaped(str(body['data'].get('target') or body['data'].get('scope') or ''))}</td>"
        f'<td>{escaped(summary(body))}</td><td class="h">{leaf_hash(event.body).hex()[:12]}</td></tr>'
        for event, body in read[:MOST_ROWS]
    ]
    more = len(read) - MOST_ROWS
    heads = "".join(f"<th>{name}</th>" for name in ("#", "at", "event", "by", "what", "detail", "hash"))
    left = f"<p>and {more} more events; the other formats have all of them</p>" if more > 0 else ""
    return f"<h2>Events</h2><table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>{left}"
