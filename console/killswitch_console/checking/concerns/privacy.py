"""Whether another account of this machine has a hand in what the console trusts: state, trail, configuration.

What is found here is refused when it is used (``private.py``), and a halt goes on without it; better known before.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from killswitch_backends.checking import Finding, Standing
from killswitch_console import private
from killswitch_console.audit.assembling import trail_directory
from killswitch_console.checking.concern import Concern, Inquiry
from killswitch_console.config import Configuration


async def privacy(inquiry: Inquiry) -> tuple[Finding, ...]:
    """A finding for everything that others can write to or replace; one that all is well where there is none."""
    found = await asyncio.to_thread(lambda: tuple(_found(inquiry.settled)))
    return found or (Finding("accounts", Standing.OK, "no other account can write to state, trail or configuration"),)


def _found(settled: Configuration) -> Iterator[Finding]:
    trail = trail_directory(settled).path
    for folder in dict.fromkeys((settled.state_dir, settled.state_dir / "leases", trail, trail / "recordings")):
        if folder.is_dir():
            yield from _folder(folder)
    for place in dict.fromkeys((settled.state_dir, trail, settled.path.absolute())):
        yield from _above(place)
    yield from _configuration(settled.path)


def _folder(folder: Path) -> Iterator[Finding]:
    try:
        private.check_folder(folder)
        files = [path for path in folder.iterdir() if path.is_symlink() or not path.is_dir()]
    except OSError as error:
        yield Finding(folder.name, Standing.PROBLEM, str(error))
        return
    for path in sorted(files):
        try:
            private.check_file(path, close=path.name != "verifier-key")
        except OSError as error:
            yield Finding(path.name, Standing.PROBLEM, str(error))


def _above(place: Path) -> Iterator[Finding]:
    """Directories in which anybody could put another in the place of what leads here."""
    for folder in place.resolve().parents:
        mode = folder.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            what = f"other accounts can put another {place.name} in its place: {folder} is open to all"
            yield Finding(place.name, Standing.PROBLEM, what, f"chmod o-w {folder}")


def _configuration(path: Path) -> Iterator[Finding]:
    found = path.stat()
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & private.OTHERS_WRITE:
        what = f"{path} can be changed by other accounts: it says whom this console trusts"
        yield Finding(path.name, Standing.PROBLEM, what, f"chown root {path}; chmod go-w {path}")


CONCERN = Concern(name="privacy", order=15, look=privacy)
