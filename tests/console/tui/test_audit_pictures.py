"""Pictures of the audit screen, over a trail in which every byte is fixed."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.tui.driving import Driven
from console.tui.picturing import Pictures, pictures
from console.tui.still import NOW, still_console
from killswitch_console.audit.events import Draft
from killswitch_console.audit.notes import Signer
from killswitch_console.audit.storage import create_volume
from killswitch_console.audit.trail import open_trail
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.config import load_configuration

LOG = "01KAPN7Q00ABCDEFGHJKMNPQRS"
TARGET = "kubernetes:prod/payments/Deployment/refund-1"
REASON = "wrong refunds since 02:50 \x1b]0;pwned\x07"
HEADER = {"scope": "class:refund", "environment": "production", "incident": "INC-4711", "reason": REASON}
EVIDENCE = {"grade": "observed", "detail": "no pod by owner and selector", "at": "2026-11-22T03:02:41Z"}

STORY: tuple[tuple[str, dict[str, Any], str | None], ...] = (
    ("session.started", {"command": "app", "version": "1.0", "environment": "production"}, None),
    ("plan.shown", {"scope": "class:refund", "targets": [TARGET]}, None),
    ("halt.confirmed", HEADER | {"confirmation": "refund", "slo_ms": 60000}, "h-1"),
    ("halt.intent", {"targets": [{"target": TARGET, "prior": {"replicas": 3}, "running": 3}]}, "h-1"),
    ("target.call", {"target": TARGET, "attempt": 1, "request_id": "9f0c-22", "detail": "scaled to 0"}, "h-1"),
    ("target.state", {"target": TARGET, "from": "draining", "state": "stopped", "evidence": EVIDENCE}, "h-1"),
    ("halt.ended", HEADER | {"verdict": "stopped", "elapsed_ms": 12400, "slo_met": True}, "h-1"),
    ("target.revived", {"target": TARGET, "from": "stopped", "state": "revived", "note": "by the HPA"}, "h-1"),
    ("action.refused", {"action": "restore", "scope": "class:refund", "why": "nobody approved it yet"}, "h-1"),
    ("audit.alarm", {"what": "FORKED: the first 400 events are not those anchored"}, None),
)


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Pictures:
    return pictures(request)


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    """A configuration with such a trail."""
    directory = TrailDirectory(tmp_path / "state" / "audit")
    directory.path.mkdir(parents=True)
    signer = Signer.of("killswitch-console/bastion-1", b"\x05" * 32)
    path = directory.path / f"trail-{LOG}.sqlite3"
    create_volume(path, f"{signer.name}/{LOG}", drafted(0, "trail.created", {"log": LOG}, None), signer)
    (directory.path / "current").write_text(f"{path.name}\n")
    trail = await open_trail(path, signer)
    await trail.append([drafted(n, *event) for n, event in enumerate(STORY, 1)])
    await trail.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        at = (NOW - timedelta(minutes=7)).isoformat()
        connection.execute("INSERT INTO cursor VALUES ('s3', 9, ?, 'AccessDenied')", (at,))
    config = tmp_path / "config.toml"
    config.write_text('environment = "production"\nstate_dir = "state"\n[audit.s3]\nbucket = "trail"\n')
    return config


def drafted(number: int, kind: str, data: dict[str, Any], halt: str | None) -> Draft:
    """An event of that night."""
    at = NOW - timedelta(minutes=3) + timedelta(seconds=9 * number)
    return Draft(
        id=f"01KAPN7Q00{number:016d}",
        at=at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        mono_ns=number * 10**9,
        session="01KAPN7Q00SESSION000000000",
        kind=kind,
        actor="alice@bastion-1",
        data={name: value.replace("\x1b", "\\x1b").replace("\x07", "\\x07") if isinstance(value, str) else value
              for name, value in data.items()},
        halt=halt,
        incident="INC-4711" if halt else None,
    )  # fmt: skip


@asynccontextmanager
async def audit_screen(config: Path, size: tuple[int, int]) -> AsyncIterator[Driven]:
    async with still_console(size=size) as driven:
        driven.state.configuration = load_configuration(config)
        await driven.press("3")
        await driven.sees("11 events", "FORKED")
        yield driven


async def test_the_list(config: Path, check: Pictures) -> None:
    async with audit_screen(config, (120, 40)) as driven:
        await driven.press("down", "down")
        await driven.sees("not anchored", "event 9", "anchored   not yet")
        assert await check.everywhere(driven, "audit") == []


async def test_one_event(config: Path, check: Pictures) -> None:
    async with audit_screen(config, (120, 40)) as driven:
        await driven.press("down", "down", "down", "down", "down", "enter")
        await driven.sees("event 6", "request_id", "anchored   yes")
        assert await check(driven, "audit-event") == []


async def test_a_search(config: Path, check: Pictures) -> None:
    async with audit_screen(config, (80, 24)) as driven:
        driven.app.screen.search("scope:refund kind:halt.")  # type: ignore[attr-defined]
        await driven.sees("3 events", "halt.intent")
        assert await check(driven, "audit-search") == []


async def test_the_export(config: Path, check: Pictures) -> None:
    async with audit_screen(config, (80, 24)) as driven:
        await driven.press("e")
        await driven.sees("a zip that proves itself")
        assert await check(driven, "audit-export") == []
