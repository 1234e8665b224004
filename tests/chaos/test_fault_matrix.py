"""The fault matrix (``make chaos``): 552 cells and forty combinations; four of them in every ``make test``.

A cell that fails prints how to repeat it. ``make chaos`` writes the matrix to ``docs/fault-matrix.md``.
"""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Iterator, Sequence

import pytest

from faulting.cell import BACKENDS, OPERATIONS, Outcome, Strike, column, combination, run
from faulting.operations import bells
from faulting.page import keep
from faulting.relay import names_that_may_fail

TOGETHER = 6
"""Cells beside each other: a halt mostly waits."""

COMBINATIONS = range(1000, 1040)

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""What hangs is left behind on purpose, and so are its sockets; that nothing piles up is shown by ``test_load.py``."""


@pytest.fixture(autouse=True)
def instrumented() -> Iterator[None]:
    with bells(), names_that_may_fail():
        yield
    gc.collect()  # what was left behind is told of here, and not in the middle of another test


@pytest.mark.long
async def test_four_cells_drawn_from_the_matrix() -> None:
    cells = [cell for backend in BACKENDS for operation in OPERATIONS for cell in column(backend, operation)]
    quick = [cell for cell in cells if "60 s" not in cell[0].fault.name and cell[0].fault.name != "hang"]
    outcomes = await played(random.Random(11).sample(quick, 4), first_seed=1, together=4)
    assert len(outcomes) == 4
    assert [told(outcome) for outcome in outcomes if not outcome.held] == []


@pytest.mark.chaos
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("backend", BACKENDS)
async def test_every_fault_in_one_operation(backend: str, operation: str) -> None:
    outcomes = await played(column(backend, operation), first_seed=100, together=TOGETHER)
    assert [told(outcome) for outcome in outcomes if not outcome.held] == []


@pytest.mark.chaos
@pytest.mark.parametrize("seed", COMBINATIONS)
async def test_faults_at_once(seed: int) -> None:
    (outcome,) = await played([combination(seed)], first_seed=seed, together=1)
    assert outcome.held, told(outcome)


async def played(cells: Sequence[tuple[Strike, ...]], *, first_seed: int, together: int) -> list[Outcome]:
    """Play cells; what came of each, kept for the page as well."""
    seats = asyncio.Semaphore(together)
    outcomes: list[Outcome] = []

    async def play(cell: tuple[Strike, ...], seed: int) -> None:
        async with seats:
            outcomes.append(await run(cell, seed))

    async with asyncio.TaskGroup() as group:
        for number, cell in enumerate(cells):
            group.create_task(play(cell, first_seed + number), name=" + ".join(map(str, cell)))
    keep(outcomes)
    return outcomes


def told(outcome: Outcome) -> str:
    """What went wrong in a cell, and how to see it again."""
    again = f"cd tests && ../.venv/bin/python -m faulting '{outcome.name}' --seed {outcome.seed}"
    return f"{outcome.name} ({outcome.seconds:.0f} s): " + "; ".join(outcome.wrong) + f"\n    again: {again}"
