"""A real session bus and a real gnome-keyring for tests, private to each, gone with it; skips where they are absent."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={socket}</listen>
<policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"""


def needs_keyring() -> None:
    """Skip the test where the programs are not installed, saying which."""
    missing = [name for name in ("dbus-daemon", "gnome-keyring-daemon") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed (apt-get install gnome-keyring dbus)")


@contextmanager
def bus(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A session bus on which no service can be activated; the environment that programs on it need."""
    directory.mkdir(parents=True, exist_ok=True)
    address = directory / "bus"
    config = directory / "session.conf"
    config.write_text(_CONFIG.format(socket=address))
    command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--nosyslog"]
    daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: listening(address), within=20)
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={address}")
        monkeypatch.setenv("HOME", str(directory))
        runtime = directory / "run"
        runtime.mkdir(mode=0o700, exist_ok=True)
        yield {
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={address}",
            "HOME": str(directory),
            "XDG_RUNTIME_DIR": str(runtime),
            "PATH": os.environ["PATH"],
        }
    finally:
        daemon.terminate()
        daemon.wait(5)


def listening(path: Path) -> bool:
    """Whether somebody takes calls there: a socket's file is there a moment before."""
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(path)) == 0


@contextmanager
def gnome_keyring(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A gnome-keyring on that bus, with no collection unlocked and no way to show a prompt."""
    control = Path(environment["XDG_RUNTIME_DIR"]) / "keyring"
    command = ["gnome-keyring-daemon", "--foreground", "--components=secrets", f"--control-directory={control}"]
    daemon = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    try:
        until(lambda: owned(environment), within=20)
        yield daemon
    finally:
        daemon.send_signal(signal.SIGCONT)
        daemon.terminate()
        daemon.wait(5)


def owned(environment: dict[str, str]) -> bool:
    """Whether somebody answers as the Secret Service."""
    from jeepney import DBusAddress, new_method_call
    from jeepney.io.blocking import open_dbus_connection

    names = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
    with open_dbus_connection(environment["DBUS_SESSION_BUS_ADDRESS"]) as connection:
        asked = new_method_call(names, "NameHasOwner", "s", ("org.freedesktop.secrets",))
        return bool(connection.send_and_get_reply(asked).body[0])


def until(condition: object, within: float = 5.0) -> None:
    """Poll a condition, with a deadline."""
    assert callable(condition)
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come up"
        time.sleep(0.01)
