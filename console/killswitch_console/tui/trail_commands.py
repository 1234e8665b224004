"""Verifying and exporting the trail from the screen: the commands that do it, in processes of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Final

from killswitch_console.audit.asking import FIELDS
from killswitch_console.audit.reading import Selection
from killswitch_console.tui.lines.audit import Checked
from killswitch_console.tui.own_commands import Ran, run_own

_OPTIONS: Final = {name: f"--{word}" for word, name in FIELDS.items()} | {"text": "--text"}
"""How the command line calls the parts of a selection."""


class NotExported(Exception):
    """Nothing was exported; says why."""


async def verify(config: Path, now: datetime, *, offline: bool) -> Checked:
    """Verify all of the trail; what could not be done is in the answer."""
    try:
        ran = await run_own(config, "audit", "verify", "--json", *(("--offline",) if offline else ()))
    except OSError as error:
        return Checked(problem=str(error))
    return _read_verdict(ran, now)


async def export(config: Path, selection: Selection, *, kind: str, path: Path) -> str:
    """Write what is like a selection to a file; how much that was, in words. Raises ``NotExported``."""
    words = ("audit", "export", "--format", kind, "--output", str(path), *_options(selection))
    try:
        ran = await run_own(config, *words)
    except OSError as error:
        raise NotExported(str(error)) from error
    if ran.code:
        raise NotExported(ran.said)
    return ran.said


def _read_verdict(ran: Ran, at: datetime) -> Checked:
    """What ``audit verify --json`` said."""
    try:
        document = json.loads(ran.out)
    except ValueError:
        return Checked(problem=ran.said)
    parts = [*document["volumes"], *document["platforms"]]
    findings = tuple(f"{found['where']}: {found['what']}" for part in parts for found in part["findings"])
    return Checked(standing=document["standing"], findings=findings, at=at)


def _options(wanted: Selection) -> Sequence[str]:
    """A selection as options of ``audit export``; ``=`` keeps a value that begins with a dash a value."""
    given = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    return [f"{_OPTIONS[name]}={value}" for name, value in given.items() if value is not None]
