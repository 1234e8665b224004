"""Running the console's commands as a script would: a process, no terminal, no platform variable set."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from warm import process as forked

CONSOLE = Path(sys.executable).with_name("killswitch-console")

WITHIN = 120.0


async def console(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, in a process forked from one that imported everything."""
    return await asyncio.to_thread(_forked, [*words, "--config", str(config)])


async def typed(home: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one command as somebody types it whose home is a directory, in that directory; words and nothing else."""
    return await asyncio.to_thread(_forked, list(words), {"HOME": str(home), **variables}, home)


async def started(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end as a shell does: the installed script, a new interpreter."""
    command = [str(CONSOLE), *words, "--config", str(config)]
    return await asyncio.to_thread(
        subprocess.run,
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WITHIN,
        env=_environment(),
    )


async def answer(config: Path, *words: str, code: int = 0) -> Any:
    """The JSON document that a command prints; it must exit with ``code``."""
    done = await console(config, *words, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def _environment() -> dict[str, str]:
    return {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}


def _forked(
    words: list[str], variables: dict[str, str] | None = None, place: Path | None = None
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="command-") as folder:
        said, complained = Path(folder, "stdout"), Path(folder, "stderr")
        environment = _environment() | (variables or {})
        process = forked(_run, words, environment, str(said), str(complained), place)
        process.start()
        process.join(WITHIN)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(words, WITHIN, said.read_bytes(), complained.read_bytes())
        code = process.exitcode
        process.close()
        return subprocess.CompletedProcess(words, code, said.read_text("utf-8"), complained.read_text("utf-8"))


def _run(words: list[str], environment: dict[str, str], said: str, complained: str, place: Path | None) -> None:
    """In the new process: be what a shell would have started."""
    from killswitch_console.cli.main import main

    for number, path, mode in ((0, os.devnull, os.O_RDONLY), (1, said, os.O_WRONLY), (2, complained, os.O_WRONLY)):
        opened = os.open(path, mode | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w", encoding="utf-8"), open(2, "w", encoding="utf-8")  # noqa: SIM115
    if place is not None:
        os.chdir(place)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(CONSOLE), *words]
    try:
        code = main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    raise SystemExit(code)
