"""Engines in processes of their own that a test can end with ``kill -9``, forked from one that imported all.

child = start("halt", config, "global");  await child.confirmed();  child.kill()
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import Engine, EngineSettings, open_engine
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from warm import CONTEXT
from warm import process as forked

END_SECONDS = 120.0


class Child:
    """One engine at work in another process."""

    def __init__(self, process: BaseProcess, confirmed: Any) -> None:
        self._process = process
        self._confirmed = confirmed

    async def confirmed(self) -> None:
        """Wait until it is about to change something."""
        assert await asyncio.to_thread(self._confirmed.wait, END_SECONDS), "it never came to its work"

    def kill(self) -> None:
        """``kill -9``."""
        self._process.kill()

    async def end(self) -> int | None:
        """Wait for its end; its exit code, negative for a signal."""
        await asyncio.to_thread(self._process.join, END_SECONDS)
        code = self._process.exitcode
        self._process.kill()
        return code


def start(work: str, config: Path, *words: str) -> Child:
    """Start some work of a process of its own.

    ``halt SCOPE``, ``resume HALT``, ``resume what is left of HALT``, ``restore HALT``, ``hold HALT`` (until proven).
    """
    confirmed = CONTEXT.Event()
    process = forked(_main, work, config, words, confirmed, daemon=True)
    process.start()
    return Child(process, confirmed)


def _main(work: str, config: Path, words: tuple[str, ...], confirmed: Any) -> None:
    raise SystemExit(asyncio.run(_work(work, config, words, confirmed)))


async def _work(work: str, config: Path, words: tuple[str, ...], confirmed: Any) -> int:
    async with open_engine(settings(config), ledger_required=True) as engine:
        await engine.discover()
        with suppress(TimeoutError):  # a busy machine
            async with asyncio.timeout(END_SECONDS / 2):
                while engine.fleet.blind:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
        if engine.fleet.blind:
            return 9
        match work:
            case "halt":
                plan = await engine.plan(Scope.parse(words[0]))
                confirmed.set()
                record = await engine.halt(plan, invoker=current_invoker(), reason="chaos")
                return 0 if record.verdict is Verdict.STOPPED else 4
            case "resume":
                confirmed.set()
                record = await engine.resume(words[0])
                return 0 if record.verdict is Verdict.STOPPED else 4
            case "resume what is left of":  # a restore that was killed has put anything from nothing to all of it back
                confirmed.set()
                record = await engine.resume(words[0])
                return 0 if {t.state for t in record.targets} <= {TargetState.STOPPED, TargetState.RESTORED} else 4
            case "restore":
                confirmed.set()
                record = await engine.restore(words[0], invoker=current_invoker(), reason="chaos")
                return 0 if record.verdict is Verdict.RESTORED else 4
            case "hold":
                confirmed.set()
                return await _hold(engine, words[0])
    raise AssertionError(work)


async def _hold(engine: Engine, halt_id: str) -> int:
    holding = asyncio.create_task(engine.hold())
    try:
        async with asyncio.timeout(END_SECONDS):
            while True:
                record = await engine.record(halt_id)
                if record.ended_at is not None and record.verdict is Verdict.STOPPED:
                    return 0
                await asyncio.sleep(0.1)
    finally:
        holding.cancel()
        with suppress(asyncio.CancelledError):
            await holding


def settings(config: Path) -> EngineSettings:
    return engine_settings(load_configuration(config))


def halt_ids(config: Path) -> list[str]:
    """The ids of the halts in the ledger, oldest first, read as a file."""
    path = load_configuration(config).state_dir / "ledger.sqlite3"
    if not path.exists():
        return []
    with sqlite3.connect(path, timeout=10) as connection:
        found = [str(row[0]) for row in connection.execute("SELECT halt_id FROM halt ORDER BY invoked_at")]
    connection.close()
    return found


async def record_of(config: Path, halt_id: str) -> HaltRecord:
    """A halt as the ledger has it."""
    from killswitch_console.halting.ledger import open_ledger

    async with open_ledger(load_configuration(config).state_dir) as ledger:
        record = await ledger.halt(halt_id)
    assert record is not None
    return record
