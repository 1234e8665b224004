"""Terminals that hang up, stall or are cut in mid-halt: the halt runs to its end, and its ledger says so."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import crashing
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from simulated import Simulated, eventually, process
from terminals import Cuttable, Terminal, halt_command, over_ssh, sshd, terminal, why_no_sshd

LONGEST = 4.0
"""Seconds from confirmation within which most halts of this world come to their end."""

Trouble = Callable[[Terminal], Awaitable[None]]


async def hang_up(opened: Terminal) -> None:
    opened.hang_up()


async def send_sighup(opened: Terminal) -> None:
    opened.signal(signal.SIGHUP)


async def interrupt_and_terminate(opened: Terminal) -> None:
    opened.signal(signal.SIGINT)
    opened.signal(signal.SIGTERM)
    await eventually(lambda: b"the halt goes on" in opened.said)


async def test_hangups_and_signals_end_no_halt() -> None:
    async with process(agents=4, seed=1) as sim, asyncio.TaskGroup() as group:
        halts = [
            group.create_task(trouble_once(sim, trouble, random.Random(0), f"agent:{spec.name}", "yes", latest=1.0))
            for spec, trouble in zip(sim.specs, [hang_up, send_sighup, interrupt_and_terminate], strict=False)
        ]
    assert [halt.result().verdict for halt in halts] == [Verdict.STOPPED] * 3
    assert all(halt.result().ended_at is not None for halt in halts)


@pytest.mark.chaos
@pytest.mark.parametrize("trouble", [hang_up, send_sighup])
async def test_20_hangups(trouble: Trouble) -> None:
    async with asyncio.TaskGroup() as group:
        worlds = [
            group.create_task(trouble_again_and_again(trouble, seed, times=5), name=f"world {seed}")
            for seed in range(4)
        ]
    records = [record for world in worlds for record in world.result()]
    assert [record.verdict for record in records] == [Verdict.STOPPED] * 20
    assert all(record.ended_at is not None for record in records)


async def trouble_again_and_again(trouble: Trouble, seed: int, *, times: int) -> list[HaltRecord]:
    records = []
    async with process(agents=4, seed=seed) as sim:
        for number in range(times):
            await sim.all_acting(within=30)
            rng = random.Random(10 * seed + number)
            record = await trouble_once(sim, trouble, rng, "global", "HALT simulator", latest=LONGEST)
            assert await crashing.start("restore", sim.config_path, record.header.halt_id).end() == 0
            records.append(record)
    return records


async def trouble_once(
    sim: Simulated, trouble: Trouble, rng: random.Random, scope: str, confirm: str, *, latest: float
) -> HaltRecord:
    """A halt on a terminal that gets into trouble some time after it was confirmed."""
    async with terminal(halt_command(sim.config_path, scope, confirm)) as opened:
        await opened.under_way()
        await asyncio.sleep(rng.uniform(0, latest))
        if opened.process.poll() is None:
            await trouble(opened)
        assert await opened.end() == 0
    return await last_record(sim.config_path, scope)


async def test_a_terminal_that_takes_no_more_output_does_not_hold_up_the_halt() -> None:
    assert (await stall(1.0)).verdict is Verdict.STOPPED


@pytest.mark.chaos
async def test_a_terminal_that_takes_no_output_for_half_a_minute() -> None:
    assert (await stall(30.0)).verdict is Verdict.STOPPED


async def stall(seconds: float) -> HaltRecord:
    """Stop the terminal (as Ctrl-S does): every write to it blocks. The halt ends in the ledger all the same."""
    async with process(agents=4, seed=2) as sim:
        scope = f"agent:{sim.specs[0].name}"
        async with terminal(halt_command(sim.config_path, scope, "yes")) as opened:
            await opened.under_way()
            opened.stop_output()
            await eventually_ended(sim.config_path)
            await asyncio.sleep(seconds)
            assert opened.process.poll() is None, "it waits for its terminal with its last words only"
            opened.resume_output()
            assert await opened.end() == 0
        return await last_record(sim.config_path)


@pytest.mark.skipif(bool(why_no_sshd()), reason=why_no_sshd())
class TestOverSsh:
    async def test_a_cut_connection_ends_no_halt(self, tmp_path: Path) -> None:
        async with process(agents=4, seed=3) as sim, sshd(tmp_path) as port, Cuttable(port).serving() as relay:
            words = halt_command(sim.config_path, f"agent:{sim.specs[0].name}", "yes")
            command = over_ssh(tmp_path, relay.port, words)
            async with terminal(command) as opened:
                await opened.under_way()
                relay.cut()
                assert await opened.end() != 0, "ssh lost its connection"
            await eventually_ended(sim.config_path)
            assert (await last_record(sim.config_path)).verdict is Verdict.STOPPED

    @pytest.mark.chaos
    async def test_a_peer_that_stops_reading_for_half_a_minute(self, tmp_path: Path) -> None:
        async with process(agents=4, seed=4) as sim, sshd(tmp_path) as port, Cuttable(port).serving() as relay:
            words = halt_command(sim.config_path, f"agent:{sim.specs[0].name}", "yes")
            command = over_ssh(tmp_path, relay.port, words)
            async with terminal(command) as opened:
                await opened.under_way()
                relay.stall()
                await asyncio.sleep(30)
                relay.cut()
                await opened.end()
            await eventually_ended(sim.config_path)
            assert (await last_record(sim.config_path)).verdict is Verdict.STOPPED


async def eventually_ended(config: Path) -> None:
    async def ended() -> bool:
        return bool(crashing.halt_ids(config)) and (await last_record(config)).ended_at is not None

    await eventually(ended, within=60, every=0.3)


async def last_record(config: Path, scope: str | None = None) -> HaltRecord:
    """The latest halt in the ledger (of a scope)."""
    records = [await crashing.record_of(config, halt_id) for halt_id in crashing.halt_ids(config)]
    return [record for record in records if scope in (None, str(record.header.scope))][-1]
