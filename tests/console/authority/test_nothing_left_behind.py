"""A whole session of the real console on a terminal, with broken glass: where no secret may be afterwards.

Its memory (as far as this test may look into it), environment and arguments while it still runs; then every file it
left: ledger, trail, log, the recording of its screen, and every kind of export.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from console.authority.test_break_glass import PASSPHRASE, glass_key, sealed
from console_command import CONSOLE, console
from killswitch_backends.simulator.seams import Runtime
from killswitch_console.vault.credential import Credential, CredentialKind
from painted import Painted, painted
from simulated import process

EXPORTS = {"jsonl": "x.jsonl", "csv": "x.csv", "ocsf": "x.ocsf", "html": "x.html", "bundle": "x.zip"}


def memory_of(pid: int) -> Iterator[bytes]:
    """Everything that a process may write to: heap, stacks, anonymous and memory files."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if rights.startswith("rw"):
                start, end = (int(part, 16) for part in span.split("-"))
                try:
                    memory.seek(start)
                    yield memory.read(end - start)
                except OSError:  # it went away since, or has no content
                    continue


def said_by_proc(pid: int) -> list[bytes]:
    """Environment and arguments of a process."""
    return [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline")]


def copies(pid: int, secrets: Mapping[str, bytes]) -> dict[str, int]:
    """How often each secret is in a process's memory."""
    found = dict.fromkeys(secrets, 0)
    for region in memory_of(pid):
        for name, secret in secrets.items():
            found[name] += region.count(secret)
    return found


async def type_into(screen: Painted, text: str) -> None:
    """Key by key, as a person does."""
    for key in text:
        screen.press(key.encode())
        await asyncio.sleep(0.01)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into a hardened process")
@pytest.mark.long
async def test_a_session_with_broken_glass_leaves_no_secret_anywhere() -> None:
    async with process(agents=4, seed=3) as sim:
        key = await asyncio.to_thread(glass_key, sim)
        kind, opens = CredentialKind.AWS_KEY, ("lambda:sim", "iam:sim")
        await sealed(sim, Credential(name="aws", kind=kind, backends=opens, fields=key))
        secrets = {"passphrase": PASSPHRASE, "key": key["secret_access_key"].encode()}
        command = [str(CONSOLE), "--config", str(sim.config_path)]
        async with painted(command, size=(100, 30)) as screen:
            pid = screen.process.pid
            await screen.shows(r"4 agents", r"4 platforms live")
            screen.press(b"b")
            await screen.shows(r"glass: sealed")
            for field in ("login is down\r", "INC-7\r"):
                await type_into(screen, field)
            await type_into(screen, PASSPHRASE.decode() + "\r")
            at = await screen.shows(r"BREAK-GLASS IS OPEN")
            open_now = await asyncio.to_thread(copies, pid, secrets)
            assert open_now["key"] > 0, "the scan finds nothing at all"

            screen.press(b"\x13")
            await screen.shows(r"Sealed\. Rotate what was used", since=at)
            left = open_now
            for _ in range(60):
                left = await asyncio.to_thread(copies, pid, secrets)
                if not any(left.values()):
                    break
                await asyncio.sleep(0.5)
            assert left == {"passphrase": 0, "key": 0}
            around = await asyncio.to_thread(said_by_proc, pid)
            screen.press(b"q")
            assert await screen.end() == 0
            around.append(screen.painted())

        halted = f"agent:{sim.spec(Runtime.LAMBDA).name}"
        (sim.tmp / "pass").write_bytes(PASSPHRASE)
        words = ("--reason", "down", "--incident", "INC-7", "--confirm", "yes", "--accept-collateral", "--break-glass")
        done = await console(sim.config_path, "halt", halted, *words, "--passphrase-file", str(sim.tmp / "pass"))
        assert done.returncode == 0, done.stderr
        (sim.tmp / "pass").unlink()
        for form, name in EXPORTS.items():
            exported = await console(sim.config_path, "audit", "export", "--format", form, "-o", str(sim.tmp / name))
            assert exported.returncode == 0, exported.stderr
        files = {path: path.read_bytes() for path in sim.tmp.rglob("*") if path.is_file()}
        assert {*EXPORTS.values(), "breakglass.json"} <= {path.name for path in files}
        assert any(path.suffix == ".cast" for path in files), "the screen was not recorded"
        texts = [*files.values(), *around, (done.stdout + done.stderr).encode()]
        assert [name for name, secret in secrets.items() for text in texts if secret in text] == []
