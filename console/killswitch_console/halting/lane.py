"""A lane: all of one halt's work on one backend. Lanes share nothing but the board, so none can delay another.

Within a lane the most dangerous target goes first, a target that fails waits aside without holding up the rest, and
every accepted target is handed to the observer at once. A target revived while the halt lasts is halted again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from killswitch_backends.problems import Changed, Gone, Problem
from killswitch_backends.protocol import Backend, Captured, Failure, Order, Watch
from killswitch_console.halting import progress as states
from killswitch_console.halting.board import Board
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.retrying import Backoff, is_final
from killswitch_inventory.targets import TargetId

CHUNK = 250
"""Targets whose intent is made durable in one transaction: enough to be quick, few enough to start at once."""


def most_dangerous_first(targets: Iterable[TargetProgress]) -> list[TargetProgress]:
    """Order targets by what runs there now (safety rule 6); ties by id, so that the order is stable."""
    return sorted(targets, key=lambda t: (-(t.captured.running if t.captured else 0), str(t.target)))


class Lane:
    """One backend's part of one halt."""

    def __init__(self, backend: Backend, board: Board, order: Order, now: Callable[[], datetime]) -> None:
        self.backend = backend
        self._board = board
        self._order = order
        self._now = now
        self._ready: asyncio.PriorityQueue[tuple[int, TargetId]] = asyncio.PriorityQueue()
        self._turns = itertools.count()
        self._accepted: asyncio.Queue[Watch] = asyncio.Queue()
        self._backoffs: dict[TargetId, Backoff] = {}

    def feed(self, targets: Sequence[TargetProgress]) -> None:
        """Let targets go, in the order given. Their intent must be durable."""
        for target in targets:
            self._ready.put_nowait((next(self._turns), target.target))

    async def run(self) -> None:
        """Halt and observe what is fed, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._observe(), name=f"observer of {self.backend.ref}")
            for number in range(self.backend.budget.parallel):
                group.create_task(self._work(), name=f"worker {number} of {self.backend.ref}")

    async def _work(self) -> None:
        while True:
            _, target = await self._ready.get()
            try:
                await self._attempt(target)
            except Gone as problem:
                self._board.move(states.gone(self._board[target], problem, self._now()))
            except Problem as problem:
                self._put_aside(target, problem)

    async def _attempt(self, target: TargetId) -> None:
        current = self._board[target]
        if current.captured is None:
            current = await self._capture(target)
        self._board.move(states.requested(current, self._now()))
        captured = self._board[target].captured
        assert captured is not None  # noqa: S101  (captured above; for the type checker)
        try:
            answer = await self.backend.halt(captured, self._order)
        except Changed:
            await self._capture(target)
            raise
        self._board.move(states.accepted(self._board[target], answer))
        self._accepted.put_nowait(Watch(captured, answer))

    async def _capture(self, target: TargetId) -> TargetProgress:
        """Read a prior state (again) and make it durable before anything is changed.

        A target that already carries a mark gives the state recorded in it, never the halted one.
        """
        async for item in self.backend.capture([target], fresh=True):
            if isinstance(item, Failure):
                raise item.problem
            return await self._take(target, item)
        raise Problem(str(target), "the platform gave no prior state for it")

    async def _take(self, target: TargetId, captured: Captured) -> TargetProgress:
        taken = states.recaptured(self._board[target], captured)
        self._board.move(taken)
        await self._board.make_durable([taken])
        return taken

    def _put_aside(self, target: TargetId, problem: Problem) -> None:
        if is_final(problem):
            self._board.move(states.refused(self._board[target], problem))
            return
        self._board.move(states.delayed(self._board[target], problem))
        self._again(target, self._backoffs.setdefault(target, Backoff()).wait(problem))

    def _again(self, target: TargetId, seconds: float) -> None:
        turn = next(self._turns)
        asyncio.get_running_loop().call_later(seconds, self._ready.put_nowait, (turn, target))

    async def _observe(self) -> None:
        async for observation in self.backend.observe(self._watches()):
            before = self._board[observation.target]
            after = states.observed(before, observation)
            self._board.move(after)
            if after.state is TargetState.REVIVED and before.state is not TargetState.REVIVED:
                self._reassert(after)

    def _reassert(self, revived: TargetProgress) -> None:
        """Halt a revived target again; it keeps the prior state it had before the halt."""
        problem = Problem(str(revived.target), revived.note or "revived")
        self._board.move(replace(revived, error=str(problem)))
        self._again(revived.target, self._backoffs.setdefault(revived.target, Backoff()).wait(problem))

    async def _watches(self) -> AsyncIterator[Watch]:
        while True:
            yield await self._accepted.get()
