"""Child processes that do what may hang or must not share our memory: clean environment, one question, a time limit.

A thread that hangs cannot be ended; a process can (trust.md 1.1: a keyring can hang for ever).
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

_KEPT = ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "HOME", "PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class Silence(Exception):
    """The child gave no answer: it took too long, or failed."""

    def __init__(self, *, timed_out: bool, complaint: str = "") -> None:
        super().__init__(complaint or ("no answer in time" if timed_out else "it failed"))
        self.timed_out = timed_out


async def ask_child(module: str, question: bytes, *, seconds: float) -> bytes:
    """Run a module of ours with ``question`` on its stdin; what it wrote to stdout.

    It gets no display, so that no desktop prompt can open, and none of Python's variables.

    Raises:
        Silence: when it failed, or was killed after ``seconds``.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(os.environ),
        start_new_session=True,  # no terminal: nothing in it may ask a person behind the console's back
    )
    try:
        async with asyncio.timeout(seconds):
            answer, complaint = await child.communicate(question)
    except TimeoutError:
        raise Silence(timed_out=True) from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        raise Silence(timed_out=False, complaint=complaint.decode(errors="replace").strip())
    return answer


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a child may know of our environment."""
    return {name: environ[name] for name in (*_KEPT, *_PROXIES) if name in environ}
