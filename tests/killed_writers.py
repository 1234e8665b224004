"""Processes that append to one trail and are killed at random; what was acknowledged must be there, whole."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from pathlib import Path

from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.findings import Standing, standing
from killswitch_console.audit.volumes import TrailDirectory
from trails import bodies, verifier_of

APPENDER = """
import asyncio, sys
from pathlib import Path
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.volumes import TrailDirectory
from trails import drafts, trail_of

async def main() -> None:
    async with trail_of(TrailDirectory(Path(sys.argv[1]))) as (trail, session):
        while True:
            batch = drafts(session, int(sys.argv[2]))
            while True:
                try:
                    await trail.append(batch)
                    break
                except TrailUnavailable as busy:  # starved by the others; the ids make trying again safe
                    assert "locked" in str(busy), busy
            print(*(draft.id for draft in batch), flush=True)

asyncio.run(main())
"""


async def first_word(child: asyncio.subprocess.Process) -> bytes:
    """Wait until a process has appended something."""
    assert child.stdout is not None
    return await asyncio.wait_for(child.stdout.readexactly(26), 60)


async def kill_at_random(directory: Path, *, seed: int, writers: int = 4, seconds: float = 1.0) -> None:
    """Processes append, acknowledge, and are killed; what was acknowledged must be there, in one whole chain."""
    dice = random.Random(seed)
    trail = TrailDirectory(directory)
    trail.signer()
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", APPENDER, str(directory), str(dice.randint(1, 5)),
            stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parent,
        )
        for _ in range(writers)
    ]  # fmt: skip
    try:
        told = [await first_word(child) for child in children]
        for child in dice.sample(children, writers):
            await asyncio.sleep(dice.uniform(0, seconds / writers))
            child.send_signal(signal.SIGKILL)
    finally:
        for child in children:
            if child.returncode is None:
                child.kill()
        rest = [(await child.communicate())[0] for child in children]
    lines = [line for first, text in zip(told, rest, strict=True) for line in (first + text).split(b"\n")[:-1]]
    acknowledged = {word for line in lines for word in line.decode().split()}
    found = {str(body["id"]) for body in bodies(trail)}
    assert acknowledged, "nothing was appended"
    assert acknowledged <= found, f"lost {acknowledged - found}"
    reports = verify_directory(trail, verifier_of(trail), {})
    assert standing(f for r in reports for f in r.findings) is Standing.WHOLE, reports[0].findings
    assert len(reports) == 1
    assert reports[0].signed == reports[0].size == len(found)
