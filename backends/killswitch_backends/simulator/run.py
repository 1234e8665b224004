"""Runs one simulator until it is told to stop: the command ``simulator``, and what ``demo`` shows."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from killswitch_backends.simulator.configuration import kubernetes_audit_log, write_configuration
from killswitch_backends.simulator.faces import make_faces
from killswitch_backends.simulator.fleet import make_fleet
from killswitch_backends.simulator.server import Simulator

_LARGEST_PORT = 65_535


async def serve(
    *,
    agents: int,
    seed: int,
    uncovered: int = 0,
    port: int = 0,
    write_config: Path | None = None,
    ready: Callable[[str], None],
) -> None:
    """Serve a world until SIGINT or SIGTERM.

    Needs a process of its own: it takes the signals of the process and tunes its garbage collector.

    Args:
        agents: how many covered agents to make.
        seed: what they, and everything random, are drawn from.
        uncovered: how many further agents that lack a layer.
        port: where on 127.0.0.1; 0 takes a free one.
        write_config: the configuration file to write for the console, if any.
        ready: called once with the address, when the world serves and the configuration is written.

    Raises:
        ValueError: when a number makes no sense.
        OSError: when the port is taken or the configuration cannot be written.
    """
    if not 0 <= port <= _LARGEST_PORT:
        raise ValueError(f"port is {port}, expected 0 to {_LARGEST_PORT}")
    stop = _stopped_by_signal()
    faces = partial(make_faces, audit_log=kubernetes_audit_log(write_config) if write_config else None)
    simulator = Simulator(make_fleet(agents=agents, seed=seed, uncovered=uncovered), seed=seed, faces=faces)
    async with simulator.serving(port=port) as url:
        if write_config is not None:
            write_configuration(write_config, url=url)
        _settle_memory()
        ready(url)
        await stop.wait()


def _stopped_by_signal() -> asyncio.Event:
    """An event that SIGINT or SIGTERM sets."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _settle_memory() -> None:
    """Keep the collector from walking the whole world again and again: most of what exists now stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
