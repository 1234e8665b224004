"""The report: counts per quarter with drills apart, times against objectives, who was outside their role."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from killswitch_console.audit.canonical import canonical, plain
from killswitch_console.audit.events import Event
from killswitch_console.audit.signals import percentile, quarter, signals, signals_page

NOW = datetime(2027, 8, 1, tzinfo=UTC)


def event(kind: str, at: str, data: dict[str, Any], *, halt: str | None = None, drill: bool = False) -> Event:
    fields = {"seq": 1, "at": at, "kind": kind, "actor": "ann@bastion", "halt": halt, "drill": drill, "data": data}
    also = {"prev": "0" * 64, "id": at, "session": "s", "incident": None, "late": False}
    return Event(1, canonical(plain(fields | also)))


def a_halt(at: str, elapsed_ms: int, **more: Any) -> list[Event]:
    head = {"scope": "class:refund", "environment": "prod", "backend_slo_ms": {"lambda": 30000}, "invoker": {}}
    end = {"scope": "class:refund", "environment": "prod", "verdict": "stopped", "elapsed_ms": elapsed_ms,
           "slo_ms": 60000, "backends": {"lambda:prod": elapsed_ms}}  # fmt: skip
    halt = f"h-{at}-{elapsed_ms}"
    return [
        event("halt.confirmed", at, head | more.get("head", {}), halt=halt, drill=more.get("drill", False)),
        event("halt.ended", at, end | more.get("end", {}), halt=halt, drill=more.get("drill", False)),
    ]


def test_counts_times_and_recency() -> None:
    events = [
        *a_halt("2027-02-01T00:00:00.000000Z", 10_000),
        *a_halt("2027-05-01T00:00:00.000000Z", 20_000),
        *a_halt("2027-05-02T00:00:00.000000Z", 70_000, head={"invoker": {"override": "role table is stale"}}),
        *a_halt("2027-05-03T00:00:00.000000Z", 9, end={"verdict": "incomplete", "backends": {"lambda:prod": None}}),
        *a_halt("2027-03-31T00:00:00.000000Z", 5, drill=True),
        event("action.refused", "2027-05-04T00:00:00.000000Z", {"action": "halt"}),
    ]
    report = signals(events, NOW)
    assert [(i["quarter"], i["count"]) for i in report["invocations"]] == [("2027-Q1", 1), ("2027-Q2", 3)]
    assert [(i["quarter"], i["count"]) for i in report["drills"]] == [("2027-Q1", 1)]
    times = report["time_to_halt"]["scopes"]["class"]
    assert (times["proven"], times["unproven"], times["met"]) == (3, 1, 2)
    assert (times["p50"], times["max"]) == (20.0, 70.0)
    assert [(t["quarter"], t["p50"]) for t in times["trend"]] == [("2027-Q1", 10.0), ("2027-Q2", 20.0)]
    assert report["time_to_halt"]["backends"]["lambda"]["objective_seconds"] == 30.0
    assert [o["why"] for o in report["outside_role"]] == ["role table is stale"]
    assert report["refused"] == {"ann@bastion": 1}
    assert report["drill_recency"]["prod"] == {"last": "2027-03-31T00:00:00.000000Z", "days": 123, "due": True}


def test_the_page_is_inert() -> None:
    text = signals_page(signals(a_halt("2027-02-01T00:00:00Z", 1, head={"environment": "<script>x</script>"}), NOW))
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_an_empty_trail_has_a_report() -> None:
    report = signals([], NOW)
    assert report["invocations"] == []
    assert "none" in signals_page(report)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(values: list[int], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(v <= found for v in values) >= share * len(values) - 1e-6


def test_quarters() -> None:
    assert [quarter(f"2027-{month:02}-01") for month in (1, 3, 4, 6, 7, 9, 10, 12)] == [
        f"2027-Q{n}" for n in (1, 1, 2, 2, 3, 3, 4, 4)
    ]
