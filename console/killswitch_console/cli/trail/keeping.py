"""``audit rotate``, ``audit retire`` and ``audit backup``: the volumes on disk."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from killswitch_console.audit.assembling import new_session, signing_secret, trail_recorder
from killswitch_console.audit.maintaining import back_up, rotate
from killswitch_console.cli import session
from killswitch_console.cli.failures import UsageError
from killswitch_console.cli.main import DONE, UNPROVEN
from killswitch_console.cli.output import print_json, print_table
from killswitch_console.cli.trail.asked import directory_of, verifier_of
from killswitch_console.hostile import clean


async def rotate_volume(options: argparse.Namespace) -> int:
    """Close the volume that is written to, and begin its successor."""
    configuration = session.configuration(options)
    directory = directory_of(configuration)
    signer = await asyncio.to_thread(directory.signer, await signing_secret(configuration)())
    path = await rotate(directory, new_session(configuration), signer)
    print(f"{path.name} is written from now on")
    return DONE


async def retire_volumes(options: argparse.Namespace) -> int:
    """Remove what is old, verified and anchored."""
    from killswitch_console.audit.object_store import open_store
    from killswitch_console.audit.retiring import due, retire

    configuration = session.configuration(options)
    directory, audit = directory_of(configuration), configuration.document.audit
    if audit.keep_days is None or audit.s3 is None:
        raise UsageError(f"{configuration.path}: nothing is removed without [audit] keep_days and [audit.s3]")
    verifier = verifier_of(directory, audit.verifier)
    before = due(audit.keep_days, datetime.now(UTC))
    async with (
        open_store(audit.s3, configuration.path.parent) as store,
        trail_recorder(configuration, new_session(configuration), session.warn) as recorder,
    ):
        done = await retire(directory, store, audit.s3.url, verifier, before, recorder.require)
    if options.json:
        print_json(asdict(done))
    else:
        print(f"{len(done.removed)} volumes removed; their bytes are at {audit.s3.url}")
        for name, why in done.kept.items():
            session.warn(f"{name} stays: {clean(why, most=500)}")
    return UNPROVEN if done.kept else DONE


async def back_up_trail(options: argparse.Namespace) -> int:
    """Copy the trail while it is written to."""
    directory = directory_of(session.configuration(options))
    copied = await asyncio.to_thread(back_up, directory, Path(options.directory))
    print_json(copied) if options.json else print_table(("VOLUME", "EVENTS"), [(n, str(c)) for n, c in copied.items()])
    return DONE
