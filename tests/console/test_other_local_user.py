"""Another account on the bastion: what it can read, write and connect to, and what it can lay in the console's way.

A second account takes root to become (``os.setuid`` in a child); without root those tests are skipped, and modes and
owners are looked at instead. What was laid in the way is refused with one line that says what and what to do; a halt
goes on without it, a restore does not begin (design.md, safety rule 2).
"""

from __future__ import annotations

import asyncio
import codecs
import os
import shutil
import socket
import sqlite3
import stat
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from console_command import console
from engine_runs import halt, restore, small_fleet
from killswitch_backends.problems import Unauthenticated
from killswitch_console import private
from killswitch_console.audit.casting import Recording
from killswitch_console.audit.reading import open_volume
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.config_files import state_folder
from killswitch_console.drills.facilitating import listen
from killswitch_console.drills.facing import join
from killswitch_console.drills.wire import SOCKET
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.events import EngineEvent, Warned
from killswitch_console.halting.lease import Leases, Work
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.recording import Recorder, RecordingNeeded, Warn
from killswitch_console.halting.refusals import LedgerNeeded
from killswitch_console.halting.verdict import Verdict
from killswitch_console.tui.last_frame import recall
from killswitch_console.vault.references import resolve_secret
from killswitch_console.vault.register import Register, RegisterError
from killswitch_console.vault.sealed_file import SealedFile
from killswitch_console.vault.vault import VaultState
from scripted_platform import World
from simulated import running
from trails import recording
from virtual_loop import now, run
from warm import CONTEXT

NOBODY = 65534

another_account = pytest.mark.skipif(os.geteuid() != 0, reason="a second account can be had by root only")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory in which every account may make files, as in /tmp; the fixture of pytest is closed to others."""
    path = Path(tempfile.mkdtemp(prefix="bastion-", dir="/tmp"))
    path.chmod(0o1777)
    yield path
    shutil.rmtree(path)


# -- what another account can do to what is there ------------------------------------------------------------------


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


# -- what another account can lay in the way ------------------------------------------------------------------------

Plant = Callable[[Path], None]


def a_link(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_bytes(b"somebody's")
    path.symlink_to(elsewhere)


def a_fifo(path: Path) -> None:
    os.mkfifo(path, 0o600)


def a_second_name(path: Path) -> None:
    path.write_bytes(b"")
    path.chmod(0o600)
    path.with_name("elsewhere").hardlink_to(path)


def written_by_all(path: Path) -> None:
    path.write_bytes(b"")
    path.chmod(0o666)


def anothers(path: Path) -> None:
    path.write_bytes(b"")
    os.chown(path, NOBODY, NOBODY)


PLANTS: list[tuple[Plant, str]] = [
    (a_link, "is a link, not a file"),
    (a_fifo, "is a FIFO, not a file"),
    (a_second_name, "has a second name elsewhere (a hard link): put a copy in its place"),
    (written_by_all, "could be written by other accounts (mode 0666)"),
]


@pytest.mark.parametrize(("plant", "said"), PLANTS)
def test_a_ledger_that_was_laid_there_is_not_used_and_the_halt_goes_on(tmp_path: Path, plant: Plant, said: str) -> None:
    state = made_private(tmp_path / "state")
    plant(state / "ledger.sqlite3")
    warned = halted_without(state, tmp_path / "audit", refuses=LedgerNeeded)
    assert any(
        f"halts go on without the ledger, nothing else does: {state / 'ledger.sqlite3'} {said}" in w for w in warned
    )
    assert untouched(state / "ledger.sqlite3")


@pytest.mark.parametrize("name", ["current", "signing-key", "lock"])
@pytest.mark.parametrize(("plant", "said"), PLANTS)
def test_a_trail_that_was_laid_there_is_not_written_and_the_halt_goes_on(
    tmp_path: Path, plant: Plant, said: str, name: str
) -> None:
    audit = made_private(tmp_path / "audit")
    plant(audit / name)
    warned = halted_without(tmp_path / "state", audit, refuses=None if name == "signing-key" else RecordingNeeded)
    assert any(f"{audit / name} {said}" in warning for warning in warned), warned
    assert untouched(audit / name)


@pytest.mark.parametrize(("plant", "said"), PLANTS)
def test_a_spool_that_was_laid_there_gets_no_event(tmp_path: Path, plant: Plant, said: str) -> None:
    audit = made_private(tmp_path / "audit")
    plant(audit / "spool")
    warned = halted_without(tmp_path / "state", audit, refuses=None)
    assert any(f"no spool to fall back on: {audit / 'spool'} {said}" in warning for warning in warned), warned


@pytest.mark.parametrize(("plant", "_"), PLANTS)
def test_a_lease_that_was_laid_there_guards_nothing_and_holds_nothing_up(tmp_path: Path, plant: Plant, _: str) -> None:
    folder = made_private(tmp_path / "leases")
    plant(folder / "h-1")
    lease = Leases(tmp_path).take("h-1", Work.HALT)
    assert lease is not None
    assert untouched(folder / "h-1")
    lease.release()


def open_to_all(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


def anothers_folder(path: Path) -> None:
    path.mkdir()
    os.chown(path, NOBODY, NOBODY)


def anothers_link(path: Path) -> None:
    own = path.with_name("own")
    own.mkdir(mode=0o700)
    path.symlink_to(own)
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (open_to_all, "can be written by other accounts (mode 0777): see that all in it is yours, then `chmod go-w"),
        pytest.param(anothers_folder, "belongs to nobody, not to root: run as its owner", marks=another_account),
        pytest.param(anothers_link, "is a link that nobody made: `rm` it", marks=another_account),
    ],
)
def test_a_state_directory_that_others_have_a_hand_in_is_not_used_and_the_halt_goes_on(
    tmp_path: Path, plant: Plant, said: str
) -> None:
    state = tmp_path / "state"
    plant(state)
    warned = halted_without(state, state / "audit", refuses=LedgerNeeded)
    assert any(f"{state} {said}" in warning for warning in warned), warned
    kept = [path.name for path in state.iterdir() if path.name in ("ledger.sqlite3", "leases")]
    assert kept == []


def test_another_account_is_told_apart_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root: what is this account's own is another's to a process of another account."""
    path = made_private(tmp_path / "state") / "ledger.sqlite3"
    path.touch(mode=0o600)
    me = os.geteuid()
    monkeypatch.setattr(private.os, "geteuid", lambda: me + 4711)
    with pytest.raises(private.NotPrivate, match=rf"belongs to \S+, not to uid {me + 4711}: run as its owner"):
        private.check_folder(path.parent)
    with pytest.raises(private.NotPrivate, match=rf"belongs to \S+, not to uid {me + 4711}: find out"):
        private.check_file(path)


def test_what_others_could_only_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.touch()
    path.chmod(0o644)
    private.check_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_state_directory_is_not_followed_before_it_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "state").symlink_to(tmp_path)
    assert state_folder(tmp_path / "config.toml", "state") == tmp_path / "state"


@pytest.mark.parametrize(
    "opened",
    [
        lambda path: recall(path.parent),
        lambda path: asyncio.run(SealedFile("glass", path).probe()),
        lambda path: succeeded(lambda: Register(path).entries(), RegisterError),
        lambda path: succeeded(lambda: list(TrailDirectory(path.parent).volumes()), OSError),
        lambda path: succeeded(lambda: open_volume(path).__enter__(), TrailUnavailable),
        lambda path: succeeded(lambda: asyncio.run(resolve_secret(f"file:{path}")), Unauthenticated),
        lambda path: succeeded(lambda: Recording(path, columns=1, rows=1, version=2, scrub=str), OSError),
        lambda path: succeeded(lambda: private.open_file(path, os.O_WRONLY), OSError),
    ],
    ids=["first frame", "vault", "register", "trail", "volume", "secret", "recording", "lock"],
)
def test_a_fifo_holds_nobody_up(tmp_path: Path, opened: Callable[[Path], object]) -> None:
    path = tmp_path / "frame.json"
    os.mkfifo(path, 0o600)
    answers: list[object] = []
    opening = threading.Thread(target=lambda: answers.append(opened(path)), daemon=True)
    opening.start()
    opening.join(10)
    assert answers, "it waits for somebody to write"


async def test_a_vault_that_others_can_replace_is_said_but_used(tmp_path: Path) -> None:
    """Break-glass is for the worst day: what is sealed proves itself by its passphrase, whoever could touch it."""
    vault = SealedFile("glass", tmp_path / "vault.sealed")
    await vault.seal(bytearray(b"content"), bytearray(b"correct horse battery"))
    vault.path.chmod(0o622)
    found = await vault.probe()
    assert (found.state, found.detail) == (
        VaultState.SEALED,
        f"other accounts can replace it (mode 0622): chmod go-w {vault.path}",
    )
    assert await vault.unseal(bytearray(b"correct horse battery")) == b"content"


def test_a_drill_is_not_joined_where_others_could_lead_one(tmp_path: Path) -> None:
    home = tmp_path / "drills"
    home.mkdir()
    home.chmod(0o777)
    (home / "pair.socket").symlink_to(tmp_path / "trap" / SOCKET)
    with pytest.raises(ValueError, match="can be written by other accounts"):
        join("pair", home)


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


async def test_the_commands_say_it_in_one_line_and_a_halt_is_proven_all_the_same() -> None:
    async with running(agents=4, seed=2) as sim:
        state = state_of(sim.config_path)
        state.mkdir(exist_ok=True)
        state.chmod(0o777)
        agent = sim.specs[0].name
        done = await console(sim.config_path, "halt", f"agent:{agent}", "--reason", "runaway", "--confirm", "yes")
        assert done.returncode == 0, done.stderr
        assert f"{state} can be written by other accounts (mode 0777)" in done.stderr
        assert sim.truth()[agent]["running"] == 0
        halt_id = next(word for word in done.stderr.split() if word.startswith("h-"))
        done = await console(sim.config_path, "restore", halt_id, "--reason", "over", "--confirm", "yes")
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert f"chmod go-w {state}" in done.stderr
        done = await console(sim.config_path, "check")
        assert f"chmod go-w {state}" in done.stdout + done.stderr


# -- helpers --------------------------------------------------------------------------------------------------------


def a_used_state(base: Path) -> Path:
    """A state directory, made by the console, in which a halt was made and a screen recorded."""
    state, world = base / "state", small_fleet(1)

    async def main() -> None:
        async with engine_on(world, state, state / "audit", []) as engine:
            assert (await halt(engine)).verdict is Verdict.STOPPED

    run(main)
    Recording(state / "audit/recordings/s.cast", columns=80, rows=24, version=2, scrub=str).close()
    return state


def halted_without(state: Path, audit: Path, *, refuses: type[Exception] | None) -> list[str]:
    """Halt all, proven; then a restore, which is refused (or not); everything that was said."""
    world, warned = small_fleet(2), list[str]()

    async def main() -> HaltRecord:
        async with engine_on(world, state, audit, warned) as engine:
            record = await halt(engine)
            if refuses is None:
                assert (await restore(engine, record)).verdict is Verdict.RESTORED
            else:
                with pytest.raises(refuses):
                    await restore(engine, record)
            return record

    assert run(main).verdict is Verdict.STOPPED
    if refuses is not None:
        assert all(thing.replicas == 0 for thing in world.things.values())
    return warned


@asynccontextmanager
async def engine_on(world: World, state: Path, audit: Path, warned: list[str]) -> AsyncIterator[Engine]:
    @asynccontextmanager
    async def opener(_: Warn) -> AsyncIterator[Recorder]:
        async with recording(TrailDirectory(audit), warned) as recorder:
            yield recorder

    def hear(event: EngineEvent) -> None:
        if isinstance(event, Warned):
            warned.append(event.text)

    async with open_engine(replace(world.settings(state), recorder=opener), hear, now) as engine:
        await engine.discover()
        yield engine


def made_private(path: Path) -> Path:
    path.mkdir(mode=0o700)
    return path


def untouched(path: Path) -> bool:
    """Whether it is as it was laid there, and so is what it leads to."""
    if path.is_symlink():
        return path.read_bytes() == b"somebody's"
    return stat.S_ISFIFO(path.lstat().st_mode) or path.stat().st_size == 0


def state_of(config: Path) -> Path:
    import tomllib

    return state_folder(config, tomllib.loads(config.read_text()).get("state_dir"))


def attempts(path: Path, elsewhere: Path) -> list[str]:
    """What this process can do to a file."""
    ways: dict[str, Callable[[], object]] = {
        "read": path.read_bytes,
        "write": lambda: path.open("ab").close(),
        "replace": lambda: path.rename(path.with_name("gone")),
        "remove": path.unlink,
        "open up": lambda: path.chmod(0o666),
        "second name": lambda: (elsewhere / "name").hardlink_to(path),
        "plant": lambda: path.with_name(f"{path.name}-journal").write_bytes(b""),
    }
    return [name for name, way in ways.items() if succeeded(way)]


def succeeded(work: Callable[[], object], refusal: type[Exception] = PermissionError) -> bool:
    try:
        work()
    except refusal:
        return False
    return True


def as_another(work: Callable[[], object]) -> object:
    """Do some work as another account, in a child of its own; what it returned."""
    import json

    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            become_another()
            os.write(writer, json.dumps(work()).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    assert told, "the attempt raised something else"
    return json.loads(told)


def become_another() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def command_as_another(words: list[str]) -> tuple[int | None, str]:
    """Run one of the console's commands as another account, in a process that imported everything before."""
    with tempfile.TemporaryDirectory(prefix="command-", dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        said = Path(folder, "said")
        process = CONTEXT.Process(target=_command, args=(words, str(said)))
        process.start()
        process.join(60)
        assert process.exitcode is not None, "it hangs"
        return process.exitcode, said.read_text()


def _command(words: list[str], said: str) -> None:
    import grp  # noqa: F401
    import pwd  # noqa: F401
    import sys

    from killswitch_console.cli.main import main

    for codec in ("ascii", "latin-1", "idna"):
        codecs.lookup(codec)  # the other account cannot read where Python is installed
    become_another()
    os.environ["HOME"] = str(Path(said).parent)
    with open(said, "w") as out:  # noqa: PTH123
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        sys.exit(main(words))
