"""Commands of our own in processes of their own: what takes seconds of CPU must not share one with a halt under way."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """What it said last on its standard error, without its name."""
        lines = self.err.strip().splitlines()
        return lines[-1].removeprefix("killswitch-console: ") if lines else f"it ended with {self.code}"


async def run_own(config: Path, *words: str) -> Ran:
    """Run ``killswitch-console WORDS --config CONFIG`` to its end; cancelled, it is killed.

    Raises:
        OSError: no process can be started.
    """
    command = [sys.executable, "-m", "killswitch_console.cli.main", *words, "--config", str(config)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ran(process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
