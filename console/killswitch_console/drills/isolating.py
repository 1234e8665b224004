"""Starts a drill in a process of its own, with nothing of the person's environment that could open production.

This process only waits. It keeps the environment as it was, so that a real event ends drill mode at once: the drill's
process ends, and the console opens in its place, on the real configuration.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from killswitch_console.drills.cordon import drill_environment

REAL_EVENT: Final = 86
"""The exit status with which a drill's process says: this is real now."""


def run_isolated(work: str, folder: Path, arguments: Mapping[str, Any]) -> int:
    """Run one part of a drill (see ``inside.py``) in an isolated process on this terminal; its exit status."""
    process = start_isolated(work, folder, arguments)
    # the terminal's Ctrl-C, and that it is gone, are for the drill's process: what is left to do comes after its end
    kept = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        return process.wait()
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def start_isolated(
    work: str, folder: Path, arguments: Mapping[str, Any], *, quiet: bool = False
) -> subprocess.Popen[bytes]:
    """Start one part of a drill in an isolated process; ``quiet``: it has no terminal."""
    (folder / "tmp").mkdir(mode=0o700, exist_ok=True)
    environment = drill_environment(folder) | {"TMPDIR": str(folder / "tmp")}
    asked = json.dumps({"work": work, "folder": str(folder), **arguments})
    nowhere = subprocess.DEVNULL if quiet else None
    return subprocess.Popen(  # noqa: S603  (ourselves)
        [sys.executable, "-m", "killswitch_console.drills.inside", asked],
        env=environment,
        stdin=nowhere,
        stdout=nowhere,
        stderr=None if not quiet else (folder / "stderr.txt").open("wb"),
        start_new_session=quiet,
    )


def to_the_real_console() -> None:
    """Put the console on the real configuration in this process's place. Does not return."""
    print("killswitch-console: the drill is over; this is the real console", file=sys.stderr, flush=True)  # noqa: T201
    os.execv(sys.executable, [sys.executable, "-m", "killswitch_console.cli.main"])  # noqa: S606  (ourselves)
