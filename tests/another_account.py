"""Another account on this machine: what it can do to a file, and a command run as it.

It takes root to become one (``os.setuid`` in a child).
"""

from __future__ import annotations

import codecs
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from warm import process as forked

NOBODY = 65534

another_account = pytest.mark.skipif(os.geteuid() != 0, reason="a second account can be had by root only")


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
        process = forked(_command, words, str(said))
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
