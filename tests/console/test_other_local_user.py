"""Another account on the bastion: what it can read, write, approve and connect to.

A second account takes root to become; without root those tests are skipped, and modes and owners are looked at instead.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from another_account import another_account, as_another, attempts, command_as_another, succeeded
from console_command import console
from killswitch_console.config_files import state_folder
from killswitch_console.drills.facilitating import listen
from killswitch_console.drills.wire import SOCKET
from recorded_halts import a_used_state
from simulated import running


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory in which every account may make files, as in /tmp; the fixture of pytest is closed to others."""
    path = Path(tempfile.mkdtemp(prefix="bastion-", dir="/tmp"))
    path.chmod(0o1777)
    yield path
    shutil.rmtree(path)


@another_account
def test_another_account_reads_writes_and_removes_nothing_even_where_it_can_look_in(shared: Path) -> None:
    state = a_used_state(shared)
    for folder in (state, state / "audit", state / "leases"):
        folder.chmod(0o755)  # as `mkdir` by an administrator makes it: the files must do
    paths = [path for path in state.rglob("*") if path.is_file() and path.name != "verifier-key"]
    assert {path.name.partition("-")[0] for path in paths} >= {"ledger.sqlite3", "trail", "signing", "spool", "current"}
    secret = [path for path in paths if path.name != "current"]  # it names a file, and nothing else
    done = as_another(lambda: [attempts(path, shared) for path in secret])
    assert done == [[]] * len(secret)


@another_account
def test_another_account_does_not_look_into_what_the_console_made(shared: Path) -> None:
    state = a_used_state(shared)
    assert as_another(lambda: succeeded(lambda: [*state.iterdir()])) is False
    assert as_another(lambda: succeeded((state / "audit" / "current").read_text)) is False


def test_what_the_console_makes_is_its_accounts_own(tmp_path: Path) -> None:
    """The same without a second account: no bit is set for others, but on the public key and the name of a file."""
    state = a_used_state(tmp_path)
    for path in (state, *state.rglob("*")):
        found = path.lstat()
        assert found.st_uid == os.geteuid()
        assert not found.st_mode & 0o022, path
        if path.name not in ("verifier-key", "current"):
            assert not found.st_mode & 0o077, path


@another_account
async def test_another_account_does_not_connect_to_a_drill(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shared)
    met: list[object] = []
    before = os.umask(0o022)

    async def meet(_: object, writer: asyncio.StreamWriter) -> None:
        met.append(writer)
        writer.close()

    def connect() -> None:
        with closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.connect(SOCKET)

    server = await listen(meet)
    try:
        assert stat.S_IMODE((shared / SOCKET).stat().st_mode) == 0o600
        assert as_another(lambda: succeeded(connect)) is False
        assert met == []
        await asyncio.to_thread(connect)
        while not met:  # noqa: ASYNC110  (the test's own time limit)
            await asyncio.sleep(0.01)
    finally:
        server.close()
        os.umask(before)


@another_account
async def test_another_account_approves_nothing(shared: Path) -> None:
    async with running(agents=4, seed=2) as sim:
        agent = sim.specs[0].name
        done = await console(sim.config_path, "halt", f"agent:{agent}", "--reason", "runaway", "--confirm", "yes")
        halt_id = next(word for word in done.stderr.split() if word.startswith("h-"))
        sim.tmp.chmod(0o755)
        for path in sim.tmp.rglob("*"):  # the worst case: it may read the whole configuration
            if path != state_of(sim.config_path) and state_of(sim.config_path) not in path.parents:
                path.chmod(0o755 if path.is_dir() else 0o644)
        state_of(sim.config_path).chmod(0o755)
        code, said = command_as_another(["approve", halt_id, "--config", str(sim.config_path)])
        assert code in (1, 2, 3), said
        assert f"{state_of(sim.config_path)} belongs to root, not to nobody: run as its owner" in said
        assert "nothing was done" in said.splitlines()[-1]
        assert "Traceback" not in said
        with closing(sqlite3.connect(state_of(sim.config_path) / "ledger.sqlite3")) as ledger:
            assert ledger.execute("SELECT count(*) FROM approval").fetchone() == (0,)


@another_account
async def test_the_trail_is_not_exported_into_somebody_elses_file(shared: Path) -> None:
    out = shared / "report.csv"
    as_another(lambda: os.close(os.open(out, os.O_CREAT | os.O_WRONLY, 0o666)))
    async with running(agents=2, seed=2) as sim:
        await console(sim.config_path, "check")
        done = await console(sim.config_path, "audit", "export", "--format", "csv", "--output", str(out))
    assert done.returncode != 0
    assert f"{out} is there already and belongs to nobody: name another file" in done.stderr
    assert out.read_bytes() == b""


def state_of(config: Path) -> Path:
    import tomllib

    return state_folder(config, tomllib.loads(config.read_text()).get("state_dir"))
