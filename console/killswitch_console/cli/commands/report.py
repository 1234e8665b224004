"""``report``: the detection signals of the audit trail."""

from __future__ import annotations

import argparse

SUMMARY = "who used the switch, how fast it was against the objectives, drills, refusals"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config, add_json

    parser.add_argument("--since", metavar="TIME", help="RFC 3339, or an age: 90d; default: everything")
    parser.add_argument("--format", choices=("json", "html"), default="json", help="default: json")
    add_config(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the report."""
    from killswitch_console.cli import session

    return session.run(lambda: _report(options))


async def _report(options: argparse.Namespace) -> int:
    import asyncio
    import sys
    from datetime import UTC, datetime, timedelta

    from killswitch_console.audit.assembling import trail_directory
    from killswitch_console.audit.events import particulars
    from killswitch_console.audit.reading import Selection, selected
    from killswitch_console.audit.signals import signals, signals_page
    from killswitch_console.cli import session
    from killswitch_console.cli.main import DONE
    from killswitch_console.cli.output import print_json
    from killswitch_console.cli.trail.asked import moment
    from killswitch_console.cli.trail.exporting import exported
    from killswitch_console.drills.cadence import cadence
    from killswitch_console.drills.homes import drills_home

    settled, now = session.configuration(options), datetime.now(UTC)
    directory, due_days = trail_directory(settled), settled.document.drill.due_days
    selection = Selection(since=moment(options.since))
    await exported(
        settled, selection, "report", kind="html" if options.format == "html" and not options.json else "json"
    )
    with particulars():
        document = await asyncio.to_thread(lambda: signals(selected(directory, selection), now, due_days=due_days))
    drilled = await asyncio.to_thread(lambda: cadence(drills_home(), now, every=timedelta(days=due_days)))
    document["drill_cadence"] = [one.document() for one in drilled]
    if options.format == "html" and not options.json:
        sys.stdout.write(signals_page(document))
    else:
        print_json(document)
    return DONE
