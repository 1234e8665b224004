"""Events as lines of JSON and as a table for spreadsheets. Both stream; hostile text is inert in both."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from typing import Final, TextIO

from killswitch_console.audit.events import Body, Event
from killswitch_console.audit.merkle import leaf_hash

COLUMNS: Final = (
    "seq",
    "at",
    "kind",
    "actor",
    "session",
    "halt",
    "incident",
    "drill",
    "scope",
    "target",
    "state",
    "detail",
    "id",
    "hash",
)

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "|", "%")


def write_jsonl(events: Iterable[Event], out: TextIO) -> int:
    """The exact bytes of each event on a line of its own; how many."""
    count = 0
    for event in events:
        out.write(event.body.decode())
        out.write("\n")
        count += 1
    return count


def write_csv(events: Iterable[Event], out: TextIO) -> int:
    """A table; cells that a spreadsheet would compute are kept from it. Returns how many events."""
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    count = 0
    for event in events:
        writer.writerow([inert(cell) for cell in _cells(event)])
        count += 1
    return count


def inert(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, whatever stands in front of it."""
    return f"'{text}" if text.lstrip(" '\"").startswith(_FORMULA) else text


def _cells(event: Event) -> list[str]:
    body = event.fields
    data = body["data"]
    plain = [body.get(name) for name in ("seq", "at", "kind", "actor", "session", "halt", "incident", "drill")]
    told = [data.get("scope"), data.get("target"), data.get("state") or data.get("verdict"), summary(body)]
    return ["" if cell is None else str(cell) for cell in (*plain, *told, body["id"], leaf_hash(event.body).hex())]


def summary(body: Body) -> str:
    """One line about an event, for lists and tables."""
    data = body["data"]
    match body["kind"]:
        case "halt.intent":
            names = [str(t.get("target")) for t in data.get("targets", [])]
            return f"{len(names)} targets: " + ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        case "plan.shown":
            parts = [f"{len(data.get(part) or ())} {part}" for part in ("targets", "untouched", "collateral", "risks")]
            return ", ".join(parts)
        case "trail.created":
            return f"volume {data.get('log')}" + (" continues the one before" if data.get("continues") else "")
        case "trail.retired":
            return f"{data.get('volume')}, {data.get('events')} events, kept at {data.get('kept_at')}"
        case "target.call":
            return f"attempt {data.get('attempt')}, request id {data.get('request_id') or '-'}; {data.get('detail')}"
        case "target.state" | "target.revived":
            evidence = data.get("evidence") or {}
            return f"{data.get('from')} -> {data.get('state')}; {evidence.get('grade')}: {evidence.get('detail')}"
        case "session.started":
            return f"{data.get('command')} {data.get('version')} in {data.get('environment')}"
        case "halt.ended" | "restore.ended":
            return f"{data.get('verdict')} after {data.get('elapsed_ms', 0) / 1000:.1f} s"
        case _:
            said = [data.get(name) for name in ("reason", "why", "error", "what", "note", "text") if data.get(name)]
            return "; ".join(map(str, said)) or _short(data)


def _short(data: object) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(", ", ": "))
    return text if len(text) <= 160 else text[:159] + "…"
