"""The detection signals that a reviewer wants of the whole trail: who used the switch, how fast it was, what was odd.

Pure, one pass: invocations per environment and quarter (drills apart), invokers outside their role, refusals, time to
halt against the objectives with its trend, and how long ago somebody last practised.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any

from killswitch_console.audit.events import Body, Event
from killswitch_console.audit.page import STYLE
from killswitch_console.hostile import escaped

DRILL_DUE_DAYS = 90
"""A drill is due after so many days (trust.md 1.4: at least every 90)."""

_TOLD = ("audit.gap", "audit.alarm", "target.revived", "action.refused", "audit.exported")


@dataclass(slots=True)
class _Times:
    """Times to halt of one scope kind or backend."""

    objective_ms: int | None = None
    by_quarter: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    unproven: int = 0


@dataclass(slots=True)
class _Gathered:
    invocations: Counter[tuple[str, str]] = field(default_factory=Counter)
    drills: Counter[tuple[str, str]] = field(default_factory=Counter)
    restores: Counter[tuple[str, str]] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    invokers: Counter[str] = field(default_factory=Counter)
    outside: list[dict[str, Any]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    scopes: defaultdict[str, _Times] = field(default_factory=lambda: defaultdict(_Times))
    backends: defaultdict[str, _Times] = field(default_factory=lambda: defaultdict(_Times))
    last_drill: dict[str, str] = field(default_factory=dict)
    objectives: dict[str, Mapping[str, int]] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)


def signals(events: Iterable[Event], now: datetime, *, due_days: int = DRILL_DUE_DAYS) -> dict[str, Any]:
    """The report as a JSON-able document; ``due_days``: days after which a drill is due again."""
    gathered = _Gathered()
    for event in events:
        _take(event.fields, gathered)
    return {
        "generated_at": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "invocations": _per_quarter(gathered.invocations),
        "drills": _per_quarter(gathered.drills),
        "restores": _per_quarter(gathered.restores),
        "invokers": dict(gathered.invokers.most_common()),
        "verdicts": dict(gathered.verdicts),
        "outside_role": gathered.outside,
        "refused": dict(gathered.refused),
        "time_to_halt": {
            "scopes": {kind: _distribution(times) for kind, times in sorted(gathered.scopes.items())},
            "backends": {kind: _distribution(times) for kind, times in sorted(gathered.backends.items())},
        },
        "drill_recency": {env: _recency(at, now, due_days) for env, at in sorted(gathered.last_drill.items())},
        "events": {kind: gathered.kinds[kind] for kind in _TOLD},
    }


def _take(body: Body, gathered: _Gathered) -> None:
    data = body["data"]
    gathered.kinds[body["kind"]] += 1
    where = (str(data.get("environment")), quarter(body["at"]))
    match body["kind"]:
        case "halt.confirmed":
            _confirmed(body, where, gathered)
        case "restore.confirmed" if not body["drill"]:
            gathered.restores[where] += 1
        case "action.refused":
            gathered.refused[body["actor"]] += 1
        case "halt.ended" if not body["drill"]:
            _ended(body, gathered)
        case kind if kind.startswith("drill.") or body["drill"]:
            if body["kind"] in ("drill.started", "drill.ended", "halt.ended"):
                gathered.last_drill[where[0]] = max(gathered.last_drill.get(where[0], ""), body["at"])


def _confirmed(body: Body, where: tuple[str, str], gathered: _Gathered) -> None:
    data = body["data"]
    if body["drill"]:
        gathered.drills[where] += 1
        gathered.last_drill[where[0]] = max(gathered.last_drill.get(where[0], ""), body["at"])
        return
    gathered.invocations[where] += 1
    gathered.invokers[body["actor"]] += 1
    gathered.objectives[str(body["halt"])] = data.get("backend_slo_ms") or {}
    if why := (data.get("invoker") or {}).get("override"):
        gathered.outside.append({"halt_id": body["halt"], "by": body["actor"], "at": body["at"], "why": why})


def _ended(body: Body, gathered: _Gathered) -> None:
    data = body["data"]
    gathered.verdicts[str(data.get("verdict"))] += 1
    scope = gathered.scopes[str(data.get("scope")).partition(":")[0]]
    elapsed = data.get("elapsed_ms") if data.get("verdict") == "stopped" else None
    _add(scope, quarter(body["at"]), elapsed, data.get("slo_ms"))
    objectives = gathered.objectives.get(str(body["halt"]), {})
    for ref, proven_ms in (data.get("backends") or {}).items():
        kind = str(ref).partition(":")[0]
        _add(gathered.backends[kind], quarter(body["at"]), proven_ms, objectives.get(kind))


def _add(times: _Times, when: str, elapsed_ms: int | None, objective_ms: int | None) -> None:
    times.objective_ms = objective_ms or times.objective_ms
    if elapsed_ms is None:
        times.unproven += 1
    else:
        times.by_quarter[when].append(int(elapsed_ms))


def quarter(at: str) -> str:
    """``2027-Q1`` of a time."""
    return f"{at[:4]}-Q{(int(at[5:7]) + 2) // 3}"


def percentile(values: Sequence[int], share: float) -> int:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def _distribution(times: _Times) -> dict[str, Any]:
    every = [ms for quarterly in times.by_quarter.values() for ms in quarterly]
    met = sum(ms <= times.objective_ms for ms in every) if times.objective_ms else None
    return {
        "objective_seconds": times.objective_ms / 1000 if times.objective_ms else None,
        "proven": len(every),
        "unproven": times.unproven,
        "met": met,
        **{name: percentile(every, share) / 1000 if every else None for name, share in _SHARES},
        "trend": [
            {"quarter": when, "proven": len(values), "p50": percentile(values, 0.5) / 1000, "max": max(values) / 1000}
            for when, values in sorted(times.by_quarter.items())
        ],
    }


_SHARES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))


def _recency(at: str, now: datetime, due_days: int) -> dict[str, Any]:
    days = (now - datetime.fromisoformat(at)).days
    return {"last": at, "days": days, "due": days > due_days}


def _per_quarter(counts: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"environment": env, "quarter": when, "count": n} for (env, when), n in sorted(counts.items())]


def signals_page(document: Mapping[str, Any]) -> str:
    """The report as a page without scripts or outside references."""
    halts = document["time_to_halt"]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Detection signals</title>',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<style>{STYLE}</style></head><body><h1>Detection signals</h1><p>{escaped(document['generated_at'])}</p>",
        _rows("Invocations outside drills", ("environment", "quarter", "count"), document["invocations"]),
        _rows("Drills", ("environment", "quarter", "count"), document["drills"]),
        _rows("Last drill", ("environment", "last", "days", "due"), _named(document["drill_recency"], "environment")),
        _rows("Drilled", ("of", "last", "due"), document.get("drill_cadence", ())),
        _rows("Invokers", ("by", "halts"), [{"by": by, "halts": n} for by, n in document["invokers"].items()]),
        _rows("Outside their role", ("at", "by", "halt_id", "why"), document["outside_role"]),
        _rows("Refused", ("by", "times"), [{"by": by, "times": n} for by, n in document["refused"].items()]),
        _times("Time to halt by scope, seconds", halts["scopes"]),
        _times("Time to halt by backend, seconds", halts["backends"]),
        _rows("Also noted", ("event", "times"), [{"event": k, "times": n} for k, n in document["events"].items()]),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _named(table: Mapping[str, Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    return [{name: key, **row} for key, row in table.items()]


def _times(title: str, table: Mapping[str, Mapping[str, Any]]) -> str:
    columns = ("of", "objective_seconds", "proven", "unproven", "met", "p50", "p90", "p99", "max")
    trend = [{"of": of, **row} for of, times in table.items() for row in times["trend"]]
    return _rows(title, columns, _named(table, "of")) + (
        _rows("Its trend", ("of", "quarter", "proven", "p50", "max"), trend) if trend else ""
    )


def _rows(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    heads = "".join(f"<th>{escaped(column.replace('_', ' '))}</th>" for column in columns)
    cells = "".join("<tr>" + "".join(f"<td>{_cell(row.get(c))}</td>" for c in columns) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{cells}</tbody></table>" if rows else "<p>none</p>"
    return f"<h2>{escaped(title)}</h2>{table}"


def _cell(value: object) -> str:
    return "" if value is None else escaped(f"{value:g}" if isinstance(value, float) else str(value))
