"""Every kind of event that the product records is told in words: no list, table or screen shows JSON for it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import killswitch_console
from killswitch_console.audit.in_words import summary

KIND = re.compile(r"(action|audit|bypass|check|drill|glass|halt|hold|notify|plan|restore|security|session|sight|target|trail)\.[a-z_]+")  # fmt: skip  # noqa: E501
NO_EVENTS = {"notify.json", "trail.trouble"}
"""What looks like a kind and is none: a file, and what a drill's leader hears."""

HEADER = {
    "scope": "class:refund",
    "environment": "production",
    "profile": "immediate",
    "reason": None,
    "invoker": {"os_user": "ada", "host": "bastion-1", "platforms": [{"backend": "iam:prod"}]},
    "slo_ms": 60000,
    "backend_slo_ms": {"kubernetes": 45000},
    "elapsed_ms": 1200,
    "approver": {"os_user": "bob", "host": "bastion-2"},
    "by": {"os_user": "ada", "host": "bastion-1"},
    "platforms": [{"backend": "iam:prod", "name": "arn:aws:iam::1:user/ada", "account": "1", "related": ["ops"]}],
    "selection": {"since": "2026-11-01", "kind": "halt."},
    "rungs": {"spool": 3},
    "halted": {"replicas": 0, "paused": False},
    "evidence": {"grade": "observed", "detail": "no pod is left", "at": "2026-11-22T03:02:41Z"},
    "nested": [{"of": {"its": ["own"]}}, {}],
}


@cache
def kinds() -> frozenset[str]:
    """All kinds that any module of the console names, but for what it only matches by a prefix."""
    found = set()
    for path in Path(killswitch_console.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and KIND.fullmatch(node.value):
                found.add(node.value)
    return frozenset(found - NO_EVENTS)


def told(kind: str, **data: Any) -> str:
    return summary({"kind": kind, "data": data})


def test_the_kinds_are_found() -> None:
    known = {"check.ran", "session.identity", "halt.intent", "target.revived", "glass.unsealed", "bypass.found"}
    assert kinds() > known
    assert len(kinds()) > 45, sorted(kinds())


@pytest.mark.parametrize("targets", [3, [{"target": "iam:prod/role/x"}], {"stopped": 3}, ["iam:prod/role/x"]])
def test_no_kind_is_told_as_json(targets: object) -> None:
    for kind in sorted(kinds() | {"something.new"}):
        if kind == "halt.intent" and targets != [{"target": "iam:prod/role/x"}]:
            continue  # its targets are always such
        if kind in ("plan.shown", "halt.escalated", "hold.newcomers") and not isinstance(targets, list):
            continue
        said = told(kind, **HEADER, targets=targets)
        assert said, kind
        assert not re.search(r"[{}]|\[|\bNone: |\bTrue\b|\bFalse\b", said), f"{kind}: {said}"


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("check.ran", {"environment": "simulator"}, "readiness was checked in simulator"),
        (
            "session.identity",
            {"platforms": [{"backend": "iam:sim", "name": "ada", "account": "1", "related": []}]},
            "iam:sim knows us as ada in 1",
        ),
        ("session.identity", {"platforms": []}, "no platform said who we are"),
        ("session.ended", {"unwritten": 0}, "every event is written"),
        ("target.state", {"from": "draining", "state": "failed", "evidence": None, "note": ""}, "draining -> failed"),
        ("halt.escalated", {"targets": ["a: done", "b: done"], "failed": 1}, "2 targets told to end at once, 1 failed"),
        (
            "restore.approved",
            {"reason": "over", "approver": {"os_user": "bob", "host": "b2"}},
            "bob on b2 agrees; over",
        ),
        ("drill.ended", {"scenario": "s", "passed": False, "share": "40%", "why": "time"}, "s; not passed; score 40%"),
        ("notify.failed", {"notice": "halt", "title": "HALT", "missed": ["a"]}, "HALT; not reached: a"),
        ("something.new", {"replicas": 3, "is_on": False, "of": {"a": [1, 2]}}, "replicas 3, is on no, of (a 1, 2)"),
    ],
)
def test_what_it_says(kind: str, data: dict[str, Any], said: str) -> None:
    assert said in told(kind, **data)
