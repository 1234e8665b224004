"""``audit sync``: what is new goes to the remote store and the mirrors."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from killswitch_console.audit.assembling import new_session, trail_recorder
from killswitch_console.audit.standalone import TAMPERED
from killswitch_console.audit.syncing import Synchronised
from killswitch_console.cli import session
from killswitch_console.cli.failures import UsageError
from killswitch_console.cli.main import DONE, UNPROVEN
from killswitch_console.cli.output import print_json
from killswitch_console.cli.trail.asked import directory_of
from killswitch_console.vault.references import resolve_secret


async def sync(options: argparse.Namespace) -> int:
    """Send what is new, unless another process does; alarms and what was recovered go into the trail."""
    from killswitch_console.audit.syncing import open_sinks, synchronise, turn

    configuration = session.configuration(options)
    directory = directory_of(configuration)
    async with open_sinks(configuration.document.audit, configuration.path.parent, resolve_secret) as sinks:
        if not sinks:
            raise UsageError(f"{configuration.path}: [audit] names nothing to synchronise with (s3, otlp, webhook)")
        with turn(directory) as ours:
            if not ours:
                print("another process synchronises now", file=sys.stderr)
                return DONE
            done = await synchronise(directory, sinks)
    if done.alarms or done.recovered:
        async with trail_recorder(configuration, new_session(configuration), session.warn) as recorder:
            for alarm in done.alarms:
                recorder.note("audit.alarm", {"what": alarm})
    return _tell_sync(done, as_json=options.json)


def _tell_sync(done: Synchronised, *, as_json: bool) -> int:
    if as_json:
        print_json({**asdict(done), "behind": done.behind})
    else:
        for a in done.anchored:
            print(f"{a.volume}: {a.now - a.before} events anchored, {a.now} of {a.total} in all")
        if done.recordings:
            print(f"{done.recordings} recordings sent")
        if done.recovered:
            print(f"{done.recovered} events that had been sent past the trail are put into it")
        for name, taken in done.delivered.items():
            print(f"{name}: {taken} events")
        for problem in [*(f"ALARM: {alarm}" for alarm in done.alarms), *done.problems]:
            session.warn(problem)
    if done.alarms:
        return TAMPERED
    return UNPROVEN if done.problems or done.behind else DONE
