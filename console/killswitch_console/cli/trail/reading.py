"""``audit list``, ``audit show`` and ``audit play``: what the trail says."""

from __future__ import annotations

import argparse

from killswitch_console.audit.assembling import trail_directory
from killswitch_console.audit.events import Event
from killswitch_console.audit.in_words import summary
from killswitch_console.audit.reading import Selection, open_volume, selected
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.cli import session
from killswitch_console.cli.failures import UsageError
from killswitch_console.cli.main import DONE
from killswitch_console.cli.output import print_json, print_table
from killswitch_console.cli.trail.asked import directory_of, selection


async def list_events(options: argparse.Namespace) -> int:
    """The last events that are like this, oldest first."""
    directory = directory_of(session.configuration(options))
    events: list[Event] = []
    for path in reversed(directory.volumes()):
        with open_volume(path) as volume:
            events = volume.latest(selection(options), options.limit - len(events)) + events
        if len(events) >= options.limit:
            break
    _print_events(events, as_json=options.json)
    return DONE


def _print_events(events: list[Event], *, as_json: bool) -> None:
    if as_json:
        print_json([event.fields for event in events])
        return
    bodies = [event.fields for event in events]
    rows = [
        (
            str(b["seq"]),
            b["at"][:23],
            b["kind"],
            b["actor"],
            str(b["data"].get("target") or b["halt"] or ""),
            summary(b),
        )
        for b in bodies
    ]
    print_table(("#", "AT", "EVENT", "BY", "WHAT", "DETAIL"), rows)


async def show(options: argparse.Namespace) -> int:
    """All events of a halt, or one event as it was written."""
    directory = directory_of(session.configuration(options))
    found = [event for event in selected(directory, Selection(halt=options.id)) if event.fields["halt"] == options.id]
    if found:
        _print_events(found, as_json=options.json)
        return DONE
    for path in reversed(directory.volumes()):
        with open_volume(path) as volume:
            if event := volume.event(options.id):
                print_json(event.fields)
                return DONE
    raise UsageError(f"no event and no halt is called {options.id}")


async def play_session(options: argparse.Namespace) -> int:
    """Replay what a session's screen showed."""
    from killswitch_console.audit.playing import play

    directory = trail_directory(session.configuration(options))
    try:
        return await play(directory, options.session, start=options.start, speed=options.speed, idle=options.idle)
    except OSError as error:
        raise TrailUnavailable(f"{options.session}: {error.strerror or error}") from error
