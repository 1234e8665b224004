"""``audit export``: the trail says that it is exported before the file is begun."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from killswitch_console import private
from killswitch_console.audit.assembling import new_session, trail_recorder
from killswitch_console.audit.bundle import write_bundle
from killswitch_console.audit.events import particulars
from killswitch_console.audit.ocsf import ocsf
from killswitch_console.audit.page import page
from killswitch_console.audit.reading import Selection, selected
from killswitch_console.audit.tables import write_csv, write_jsonl
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.cli import session
from killswitch_console.cli.failures import UsageError
from killswitch_console.cli.main import DONE
from killswitch_console.cli.trail.asked import directory_of, selection, verifier_of
from killswitch_console.config import Configuration


async def export(options: argparse.Namespace) -> int:
    """Write events to a file or to standard output."""
    configuration = session.configuration(options)
    directory = directory_of(configuration)
    wanted = selection(options)
    if options.format == "bundle" and options.output is None:
        raise UsageError("a bundle is a zip: give --output FILE")
    await exported(configuration, wanted, "events", kind=options.format, output=options.output)
    count = await asyncio.to_thread(_write, options, directory, wanted)
    print(f"{count} events", file=sys.stderr)
    return DONE


async def exported(
    configuration: Configuration, wanted: Selection, what: str, *, kind: str, output: str | None = None
) -> None:
    """Have the trail say who takes what out of it, before that is done. Raises ``RecordingNeeded``: nothing was.

    Args:
        configuration: the session's.
        wanted: which events.
        what: ``events`` themselves, or the ``report`` on them.
        kind: the format.
        output: the file; None: standard output.
    """
    chosen = {k: v for k, v in asdict(wanted).items() if v}
    said = {"what": what, "format": kind, "selection": chosen, "output": output}
    async with trail_recorder(configuration, new_session(configuration), session.warn) as recorder:
        await recorder.require("audit.exported", said)


def _write(options: argparse.Namespace, directory: TrailDirectory, wanted: Selection) -> int:
    with particulars():
        return _written(options, directory, wanted)


def _written(options: argparse.Namespace, directory: TrailDirectory, wanted: Selection) -> int:
    if options.format == "bundle":
        return write_bundle(directory, wanted, verifier_of(directory, None), Path(options.output))
    if options.output is None:
        return _stream(options.format, directory, wanted, sys.stdout.fileno())
    fd = private.open_output(Path(options.output))
    return _stream(options.format, directory, wanted, fd)


def _stream(kind: str, directory: TrailDirectory, wanted: Selection, fd: int) -> int:
    events = selected(directory, wanted)
    with open(fd, "w", encoding="utf-8", newline="", closefd=fd != sys.stdout.fileno()) as out:
        match kind:
            case "jsonl":
                return write_jsonl(events, out)
            case "csv":
                return write_csv(events, out)
            case "ocsf":
                return sum(out.write(json.dumps(document) + "\n") > 0 for document in ocsf(events))
            case _:
                read = list(events)
                out.write(page(read, title=wanted.title, footer=[f"verifier key {verifier_of(directory, None)}"]))
                return len(read)
