"""What other bastions' trails tell of a halt: all of it for a restore without ledger and marks, or only who agreed."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from killswitch_console.cli import session
from killswitch_console.cli.failures import UsageError

if TYPE_CHECKING:
    from killswitch_console.audit.other_trails import OtherTrails
    from killswitch_console.config import Configuration
    from killswitch_console.halting.engine import Engine

APPROVALS_SECONDS: Final = 20.0
"""How long approvals given on other bastions are looked for."""


async def know_from_trail(engine: Engine, options: argparse.Namespace, settled: Configuration) -> None:
    """With ``--from-trail``: know the halt as that tells it.

    Raises:
        UnknownHalt: nothing that is believed tells of it.
        TrailUnavailable: it cannot be read.
    """
    if options.from_trail is None:
        return
    from killswitch_console.audit.remembering import NotRemembered, remembered
    from killswitch_console.halting.engine import UnknownHalt

    trails = await _read(options.from_trail, options, settled)
    for doubt in trails.doubts:
        session.warn(f"not believed: {doubt}")
    try:
        record = remembered(options.halt, trails.events)
    except NotRemembered as error:
        raise UnknownHalt(
            str(error) if trails.events else f"no trail that is believed tells of {options.halt}"
        ) from None
    lost = sum(target.captured is None for target in record.targets)
    session.warn(f"{options.halt} is known from the trail: {len(record.targets)} targets, {lost} not exactly")
    await engine.take_over(record)


async def hear_second_person(engine: Engine, options: argparse.Namespace, settled: Configuration) -> None:
    """Where a restore takes two people and nobody agreed here: look whether somebody did on another bastion."""
    from killswitch_console.audit.storage import TrailUnavailable
    from killswitch_console.halting.engine import UnknownHalt, utc_now
    from killswitch_inventory.scopes import Scope

    audit = settled.document.audit
    if audit.s3 is None or not (audit.bastions or options.key):
        return
    try:
        record = await engine.record(options.halt)
    except UnknownHalt:
        return
    only = None if getattr(options, "only", None) is None else Scope.parse(options.only)
    if not engine.takes_two(record, only) or any(approval.good(utc_now()) for approval in record.approvals):
        return
    from killswitch_console.audit.other_trails import SYNCED
    from killswitch_console.audit.remembering import approvals

    try:
        async with asyncio.timeout(APPROVALS_SECONDS):
            trails = await _read(SYNCED, options, settled)
    except (TrailUnavailable, TimeoutError) as error:
        why = str(error) or f"no answer within {APPROVALS_SECONDS:g} s"
        session.warn(f"approvals given on other bastions cannot be read: {why}")
        return
    for doubt in trails.doubts:
        session.warn(f"not believed: {doubt}")
    await engine.hear_approvals(options.halt, approvals(options.halt, trails.events))


async def _read(where: str, options: argparse.Namespace, settled: Configuration) -> OtherTrails:
    from killswitch_console.audit.notes import NoteError
    from killswitch_console.audit.other_trails import believed, read_trails
    from killswitch_console.vault.references import resolve_secret

    audit, base = settled.document.audit, Path(settled.path).parent
    try:
        keys = believed(audit, options.key)
    except NoteError as error:
        raise UsageError(f"a public key of another bastion cannot be used: {error}") from None
    return await read_trails(where, options.halt, audit, base, resolve_secret, keys)
