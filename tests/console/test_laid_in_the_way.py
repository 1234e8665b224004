"""What another account can lay in the console's way: links, FIFOs, second names, files and folders open to all.

It is refused with one line that says what and what to do; a halt goes on without it, a restore does not begin
(design.md, safety rule 2).
"""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from another_account import NOBODY, another_account, succeeded
from console_command import console
from killswitch_backends.problems import Unauthenticated
from killswitch_console import private
from killswitch_console.audit.casting import Recording
from killswitch_console.audit.reading import open_volume
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.config_files import state_folder
from killswitch_console.drills.facing import join
from killswitch_console.drills.wire import SOCKET
from killswitch_console.halting.lease import Leases, Work
from killswitch_console.halting.recording import RecordingNeeded
from killswitch_console.halting.refusals import LedgerNeeded
from killswitch_console.tui.last_frame import recall
from killswitch_console.vault.references import resolve_secret
from killswitch_console.vault.register import Register, RegisterError
from killswitch_console.vault.sealed_file import SealedFile
from killswitch_console.vault.vault import VaultState
from recorded_halts import halted_without
from simulated import running

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


PLANTS = [
    (a_link, "is a link, not a file"),
    (a_fifo, "is a FIFO, not a file"),
    (a_second_name, "has a second name elsewhere (a hard link): put a copy in its place"),
    (written_by_all, "could be written by other accounts (mode 0666)"),
    pytest.param(anothers, "belongs to ", marks=another_account),
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
