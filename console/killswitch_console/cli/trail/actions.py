"""The actions of ``audit`` by their names."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Coroutine
from typing import Final

from killswitch_console.cli.trail.exporting import export
from killswitch_console.cli.trail.keeping import back_up_trail, retire_volumes, rotate_volume
from killswitch_console.cli.trail.reading import list_events, play_session, show
from killswitch_console.cli.trail.sending import sync
from killswitch_console.cli.trail.verifying import verify

ACTIONS: Final[dict[str, Callable[[argparse.Namespace], Coroutine[None, None, int]]]] = {
    "list": list_events,
    "show": show,
    "verify": verify,
    "sync": sync,
    "export": export,
    "play": play_session,
    "rotate": rotate_volume,
    "retire": retire_volumes,
    "backup": back_up_trail,
}
