"""A lane: all of one halt's work on one backend. Lanes share nothing but the board, so none can delay another.

Within a lane the most dangerous target goes first, a target that fails waits aside without holding up the rest, and
every accepted target is handed to the observer at once. A target that is seen acting again, proven stopped before or
not, is halted again while the halt lasts. A defect of a backend costs the target it strikes, not the lane.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from killswitch_backends.problems import Changed, Gone, Problem, Refused, Unreachable
from killswitch_backends.protocol import Backend, Captured, Failure, Observation, Order, Sight, Watch
from killswitch_backends.restores import RestoredElsewhere
from killswitch_console.halting import progress as states
from killswitch_console.halting.board import Board
from killswitch_console.halting.doubting import Doubts
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.retrying import Backoff, is_final
from killswitch_console.halting.reviving import Reviving
from killswitch_console.halting.yielding import AGAIN_SECONDS, Yielding, given_up, under_way
from killswitch_inventory.targets import TargetId

CHUNK = 250
"""First targets whose intent is made durable in one transaction: enough to be quick, few enough to start at once."""

CHUNK_MOST = 2000
"""Later chunks grow up to this: each becomes durable while the one before it is sent, and fewer are waited for."""

ATTEMPT_SECONDS = 60.0
"""Longest one attempt on one target may take. Backends bound their own requests; this bounds their defects."""

OBSERVER_SECONDS = 1.0
"""Pause before an observation that ended is begun anew."""


def most_dangerous_first(targets: Iterable[TargetProgress]) -> list[TargetProgress]:
    """Order targets by what runs there now (safety rule 6); ties by id, so that the order is stable."""
    return sorted(targets, key=lambda t: (-(t.captured.running if t.captured else 0), str(t.target)))


class Lane:
    """One backend's part of one halt."""

    def __init__(
        self,
        backend: Backend,
        board: Board,
        order: Order,
        now: Callable[[], datetime],
        yielding: Yielding,
        *,
        holds: bool = False,
    ) -> None:
        """Work on one backend.

        Args:
            backend: the backend.
            board: where its targets stand.
            order: the halt's.
            now: the clock.
            yielding: what tells other consoles' restores from revivals.
            holds: this is a hold: what an earlier watch proved stands until this one has had its time to see.
        """
        self._yielding = yielding
        self._holds = holds
        self._to_ask: asyncio.Queue[Observation] = asyncio.Queue()
        self._doubts = Doubts()
        self._given_up: set[TargetId] = set()
        """What another console restored: it is looked at no more."""
        self.backend = backend
        self._board = board
        self._order = order
        self._now = now
        self._ready: asyncio.PriorityQueue[tuple[int, TargetId]] = asyncio.PriorityQueue()
        self._turns = itertools.count()
        self._accepted: asyncio.Queue[Watch] = asyncio.Queue()
        self._backoffs: dict[TargetId, Backoff] = {}
        self._underway: set[TargetId] = set()
        """Targets that a worker has, will get, or will get after their pause."""
        self._watched: dict[TargetId, Watch] = {}
        self._unseen: set[TargetId] = set()
        """What an observation that was begun anew has said nothing of yet."""
        self._reviving = Reviving(board.halt_id, board)
        self._standins: dict[TargetId, Captured] = {}
        """What somebody made of targets since they were halted: what the next attempt replaces, no prior state."""

    def feed(self, targets: Sequence[TargetProgress]) -> None:
        """Let targets go, in the order given. Their intent must be durable.

        What was accepted already (before an interruption) is looked at first, and halted again if it acts.
        """
        for target in targets:
            if self._holds and target.state is TargetState.STOPPED:
                self._doubts.inherit(target.target, asyncio.get_running_loop().time())
            if target.accepted is not None and target.captured is not None:
                self._watch(Watch(target.captured, target.accepted))
            else:
                self._again(target.target, 0.0)

    async def run(self) -> None:
        """Halt and observe what is fed, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._observe(), name=f"observer of {self.backend.ref}")
            for number in range(self.backend.budget.parallel):
                group.create_task(self._work(), name=f"worker {number} of {self.backend.ref}")
            while True:
                observation = await self._to_ask.get()
                group.create_task(self._ask(observation), name=f"whose restore is {observation.target}")

    async def _work(self) -> None:
        while True:
            _, target = await self._ready.get()
            problem = await self._outcome(target)
            self._underway.discard(target)
            if problem is not None:
                self._put_aside(target, problem)

    async def _outcome(self, target: TargetId) -> Problem | None:
        """Attempt one target; what went wrong, a hanging or broken backend included."""
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await self._attempt(target)
        except Problem as problem:
            return problem
        except TimeoutError:
            return Unreachable(str(target), f"no answer within {ATTEMPT_SECONDS:g} s")
        except Exception as defect:  # noqa: BLE001  (a defect met at one target must not stop the others)
            self._board.warn(f"{target}: internal error, it is not proven: {defect!r}")
            return Refused(str(target), f"internal error: {defect!r}")
        return None

    async def _attempt(self, target: TargetId) -> None:
        current = self._board[target]
        if current.captured is None:
            current = await self._capture(target)
        self._board.move(states.requested(current, self._now()))
        captured = self._board[target].captured
        assert captured is not None  # noqa: S101  (captured above; for the type checker)
        try:
            answer = await self.backend.halt(self._standins.get(target, captured), self._order)
        except Changed:
            await self._capture(target)
            raise
        self._board.move(self._reviving.reasserted(states.accepted(self._board[target], answer), answer))
        self._watch(Watch(captured, answer))

    def _watch(self, watch: Watch) -> None:
        self._watched[watch.target] = watch
        self._accepted.put_nowait(watch)

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
        if self._board[target].accepted is not None:  # what it is now came after the halt: never its prior state
            first = self._board[target].captured
            self._standins[target] = replace(captured, original=first.before if first else None)
            return self._board[target]
        taken = states.recaptured(self._board[target], captured)
        self._board.move(taken)
        await self._board.make_durable([taken])
        return taken

    def _put_aside(self, target: TargetId, problem: Problem) -> None:
        if isinstance(problem, Gone) and (captured := self._board[target].captured):
            gone = states.vanished(self._board[target], problem, self._now())
            self._board.move(gone)
            if gone.accepted:
                self._watch(Watch(captured, gone.accepted))
            return
        if is_final(problem):
            self._board.move(states.refused(self._board[target], problem))
            return
        self._board.move(states.delayed(self._board[target], problem))
        self._again(target, self._backoffs.setdefault(target, Backoff()).wait(problem))

    def _again(self, target: TargetId, seconds: float) -> None:
        """Give it to a worker after a pause, unless one has it or will get it anyway."""
        if target in self._underway:
            return
        self._underway.add(target)
        ready = (next(self._turns), target)
        if seconds > 0:
            asyncio.get_running_loop().call_later(seconds, self._ready.put_nowait, ready)
        else:
            self._ready.put_nowait(ready)

    async def _observe(self) -> None:
        """Observe for as long as the lane lives; an observation that breaks or ends is begun anew, with all targets.

        What it says nothing of until it breaks again is not known to be stopped any more.
        """
        while True:
            try:
                async for observation in self.backend.observe(self._watches()):
                    self._unseen.discard(observation.target)
                    self._seen(observation)
            except Exception as defect:  # noqa: BLE001  (a broken observer must not stop the halting)
                self._board.warn(f"{self.backend.ref}: internal error while observing, looking again: {defect!r}")
            for target in self._unseen:
                note = f"cannot be observed: looking at {self.backend.ref} fails"
                self._seen(Observation(target, Sight.UNKNOWN, self._now(), note=note))
            await asyncio.sleep(OBSERVER_SECONDS)
            self._unseen = set(self._watched)
            self._accepted = asyncio.Queue()
            for watch in self._watched.values():
                self._accepted.put_nowait(watch)

    def _seen(self, observation: Observation) -> None:
        target = observation.target
        if target in self._given_up or self._doubts.puts_off(observation, asyncio.get_running_loop().time()):
            return
        after = states.observed(self._board[target], observation)
        if observation.sight is not Sight.ACTING or target in self._underway:
            self._board.move(after)
        elif self._yielding.may(observation):
            self._underway.add(target)
            self._to_ask.put_nowait(observation)
        else:
            self._acting(observation)

    async def _ask(self, observation: Observation) -> None:
        """Find out whether a target that acts was restored by another console, and follow that to its end."""
        target = observation.target
        while (found := await self._whose(target)) is not None and not found.done:
            self._yielding.say(found)
            self._board.move(under_way(self._board[target], found))
            await asyncio.sleep(AGAIN_SECONDS)
        self._underway.discard(target)
        if found is None:
            self._acting(observation)
            return
        self._yielding.say(found)
        self._given_up.add(target)
        del self._watched[target]
        self._board.move(given_up(self._board[target], found, self._now()))

    async def _whose(self, target: TargetId) -> RestoredElsewhere | None:
        try:
            return await self._yielding.ask(self._watched[target])
        except Exception as defect:  # noqa: BLE001  (a defect must not end the halt: it counts as revived)
            self._board.warn(f"{target}: internal error while asking who restored it: {defect!r}")
            return None

    def _acting(self, observation: Observation) -> None:
        """It was revived, or was never halted: halt it (again)."""
        target = observation.target
        before = self._board[target]
        after = states.observed(before, observation)
        after, pause = self._reviving.seen_acting(before, after, observation)
        error = str(Problem(str(target), observation.note or "acting again"))
        self._board.move(replace(after, error=error))
        self._again(target, pause)  # it keeps the prior state it had before the halt

    def calm_down(self) -> None:
        """Note which fights are over, and which doubts did not settle."""
        for observation in self._doubts.due(asyncio.get_running_loop().time()):
            self._seen(observation)
        for progress in self._reviving.calm(self._board.__getitem__):
            self._board.move(progress)

    async def _watches(self) -> AsyncIterator[Watch]:
        while True:
            yield await self._accepted.get()
