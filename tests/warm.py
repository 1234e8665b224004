"""A process that has imported everything, forked for each piece of a test's work that wants a process of its own.

Starting Python and importing the SDKs costs over a second of CPU each time. What a start costs is measured in
``benchmarks``, and what it loads looked at in ``console/cli/test_startup.py``.
"""

from __future__ import annotations

import multiprocessing
import os
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest import mock

import killswitch_backends
import killswitch_console
import killswitch_inventory
from killswitch_backends.kubernetes import official

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["warmed"])

LEFT_OUT = ("killswitch_backends.simulator", "killswitch_console.tui", "killswitch_console.serving")
"""What no halting command uses: Textual is the larger half of all that there is to import."""

SDKS = ("boto3", "botocore.client", "botocore.signers", "ldclient", "aiohttp", "keyring", "cryptography", "yaml")


def process(work: Callable[..., object], *arguments: Any, daemon: bool = False) -> BaseProcess:
    """A process for some work, to be started, forked from one that has imported everything."""
    _serve()
    return CONTEXT.Process(target=work, args=arguments, daemon=daemon)


@cache
def _serve() -> None:
    """Start the fork server where it finds ``warmed``: Python before 3.14 does not tell it where its parent looks.

    What it cannot import it leaves out without a word; ``console/cli/test_warm.py`` looks.
    """
    with mock.patch.dict(os.environ, PYTHONPATH=str(Path(__file__).parent)):
        forkserver.ensure_running()


def import_all() -> None:
    """Everything that a command imports when it is used."""
    official.load()
    names = [*SDKS]
    for package in (killswitch_inventory, killswitch_backends, killswitch_console):
        names += [found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    for name in names:
        if not name.startswith(LEFT_OUT) and not name.endswith("__main__"):
            import_module(name)
