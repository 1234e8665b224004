"""Who is here: what can be made up is not believed."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest

from killswitch_console.authority.invoker import current_invoker


def proc(tmp_path: Path, *, parent: str, login: str = "4294967295") -> Path:
    """A /proc whose only ancestor is ``parent``."""
    (tmp_path / str(os.getppid())).mkdir(parents=True)
    (tmp_path / str(os.getppid()) / "status").write_text(parent)
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "loginuid").write_text(login)
    return tmp_path


SUDO = "Name:\tsudo\nPPid:\t1\nUid:\t0\t0\t0\t0\n"
FAKE_SUDO = "Name:\tsudo\nPPid:\t1\nUid:\t1000\t1000\t1000\t1000\n"
SHELL = "Name:\tbash\nPPid:\t1\nUid:\t1000\t1000\t1000\t1000\n"


@pytest.mark.parametrize(
    ("uid", "parent", "believed"),
    [(1000, SUDO, "alice"), (1000, FAKE_SUDO, None), (1000, SHELL, None), (0, SHELL, "alice")],
)
def test_sudo_user_is_believed_only_where_root_vouches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uid: int, parent: str, believed: str | None
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: uid)
    invoker = current_invoker({"SUDO_USER": "alice"}, proc(tmp_path, parent=parent))
    assert invoker.sudo_user == believed


def test_the_kernels_login_uid_names_the_person(tmp_path: Path) -> None:
    invoker = current_invoker({"SUDO_USER": "mallory"}, proc(tmp_path, parent=SUDO, login="0"))
    assert invoker.login_user == "root"
    assert str(invoker).startswith("root@")


def test_the_ssh_key_has_ssh_keygens_fingerprint(tmp_path: Path) -> None:
    blob = b"\x00\x00\x00\x0bssh-ed25519" + bytes(36)
    record = tmp_path / "auth"
    record.write_text(f"publickey ssh-ed25519 {base64.b64encode(blob).decode()}\n")
    expected = "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    invoker = current_invoker({"SSH_USER_AUTH": str(record), "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"})
    assert invoker.ssh_key == expected
    assert invoker.ssh_connection == "192.0.2.1 1 192.0.2.2 22"


@pytest.mark.parametrize("text", ["", "password\n", "publickey ssh-ed25519 !!!\n", "publickey\n"])
def test_an_odd_record_names_no_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "auth").write_text(text)
    assert current_invoker({"SSH_USER_AUTH": str(tmp_path / "auth")}).ssh_key is None
