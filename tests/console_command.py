"""Running the console's commands as a script would: a process, no terminal, no platform variable set."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CONSOLE = Path(sys.executable).with_name("killswitch-console")


async def console(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    command = [str(CONSOLE), *words, "--config", str(config)]
    return await asyncio.to_thread(
        subprocess.run, command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, env=kept
    )


async def answer(config: Path, *words: str, code: int = 0) -> Any:
    """The JSON document that a command prints; it must exit with ``code``."""
    done = await console(config, *words, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)
