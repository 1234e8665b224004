"""What every command on live platforms does first: configuration, engine, and a first whole picture of the fleet."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime

from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import Invoker, current_invoker
from killswitch_console.cli.failures import UsageError
from killswitch_console.config import Configuration, find_configuration, load_configuration
from killswitch_console.halting.engine import Engine, UnknownHalt, open_engine, utc_now
from killswitch_console.halting.events import EngineEvent, Identified
from killswitch_console.halting.ledger import Ledger, open_ledger
from killswitch_console.halting.publishing import both
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.thread import TURN_SECONDS
from killswitch_console.hostile import clean
from killswitch_console.standing import standing


def configuration(options: argparse.Namespace) -> Configuration:
    """The configuration that a command was given. Raises ``ConfigurationError``."""
    return load_configuration(find_configuration(options.config))


def run(work: Callable[[], Coroutine[None, None, int]]) -> int:
    """Run a command's coroutine in an event loop of its own, to its end even when the terminal hangs up."""
    sys.setswitchinterval(TURN_SECONDS)  # its ledger and trail are threads: they must not wait for the loop's turns
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return asyncio.run(work())


class Mismatches:
    """Says each mismatch with a person's role once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._said = say, set[str]()

    def __call__(self, event: EngineEvent) -> None:
        """Hear one event of the engine."""
        if isinstance(event, Identified):
            for mismatch in event.mismatches:
                if mismatch not in self._said:
                    self._said.add(mismatch)
                    self._say(mismatch)


@asynccontextmanager
async def engine(
    settled: Configuration, publish: Callable[[EngineEvent], None] = lambda _: None, *, sighted: bool = True
) -> AsyncIterator[Engine]:
    """An open engine, with a first picture of the fleet if ``sighted``.

    What does not fit between the person, their role and whom the platforms take them for is said once it is known.
    """
    async with open_engine(engine_settings(settled), standing(both(Mismatches(warn), publish))) as opened:
        if opened.ledger is None:
            warn(opened.ledger_problem or f"the ledger in {settled.state_dir} cannot be used")
        if sighted:
            await opened.discover()
        yield opened


@asynccontextmanager
async def ledger(settled: Configuration) -> AsyncIterator[Ledger]:
    """The ledger alone: what is known without asking any platform. Raises ``LedgerError``."""
    async with open_ledger(settled.state_dir) as opened:
        yield opened


async def known(opened: Ledger, halt_id: str) -> HaltRecord:
    """A halt of that ledger. Raises ``UnknownHalt``."""
    record = await opened.halt(halt_id)
    if record is None:
        raise UnknownHalt(f"no halt {halt_id} is known here; `status` lists them")
    return record


def invoker(options: argparse.Namespace) -> Invoker:
    """Who runs this command, and why they act outside their role if they say so."""
    why = options.override
    return replace(current_invoker(), override=non_empty(why, "--override") if why is not None else None)


def report_blind(opened: Engine) -> bool:
    """Say on stderr which platforms could not be seen; whether there were any."""
    for view in opened.fleet.blind:
        age = f"; showing what was known {_ago(view.as_of)}" if view.as_of else ""
        warn(f"{view.ref} could not be seen: {view.problem or view.sightedness}{age}")
    if opened.fleet.blind and opened.settings.glass.vaults and opened.glass.opening is None:
        warn("if credentials are refused: --break-glass acts with the sealed emergency credentials")
    return bool(opened.fleet.blind)


def _ago(moment: datetime) -> str:
    """An age in words, in the unit that matters."""
    seconds = (utc_now() - moment).total_seconds()
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"


def warn(text: str) -> None:
    """One clean line on stderr, if anybody can still read it."""
    with suppress(OSError):
        print(f"killswitch-console: {clean(text, most=1000)}", file=sys.stderr)


def non_empty(value: str, what: str) -> str:
    """A text that must say something. Raises ``UsageError``."""
    if not value.strip():
        raise UsageError(f"{what} must not be empty")
    return value.strip()
