"""What is installed here, and whether it is what the tests of this version ran with.

A wheel carries the versions that its bastion was locked to (``locked.txt``, written by ``console/hatch_build.py``); an
installation from the sources has none. It reads metadata only, and imports no SDK.
"""

from __future__ import annotations

import asyncio
import platform
import sqlite3
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import killswitch_console
from killswitch_backends.checking import Finding, Standing
from killswitch_console.checking.concern import Concern, Inquiry
from killswitch_console.version import __version__

LOCKED = Path(killswitch_console.__file__).with_name("locked.txt")
"""One ``name==version`` a line; ``?`` behind it where a package is for some machines or Pythons only."""

_REINSTALL = "pip install --require-hashes -r requirements/bastion.txt, of this version"


async def installed(inquiry: Inquiry) -> tuple[Finding, ...]:
    """What runs, and what differs from the lock."""
    del inquiry
    return await asyncio.to_thread(lambda: (_console(), *packages(LOCKED)))


def _console() -> Finding:
    return Finding("killswitch-console", Standing.OK, f"{in_words()}, in {sys.prefix}")


def in_words() -> str:
    """The console, its Python and its SQLite, with their versions."""
    return f"killswitch-console {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"


def packages(locked: Path) -> Iterator[Finding]:
    """What is installed against the lock in a file: a finding for each difference, or one that there is none."""
    try:
        lines = locked.read_text(encoding="ascii").split()
    except FileNotFoundError:
        yield Finding("packages", Standing.OK, "installed from the sources: there is no lock to compare with")
        return
    agree = 0
    for line in lines:
        name, _, wanted = line.removesuffix("?").partition("==")
        if (found := _version(name)) == wanted or (found is None and line.endswith("?")):
            agree += 1
        elif found is None:
            yield Finding(name, Standing.PROBLEM, f"is not installed, and {wanted} is needed", _REINSTALL)
        else:
            what = f"{found} is installed; this version was tested with {wanted}"
            yield Finding(name, Standing.WARNING, what, _REINSTALL)
    if agree == len(lines):
        yield Finding("packages", Standing.OK, f"all {agree} are the versions that were tested")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


CONCERN = Concern(name="installed", order=90, look=installed)
