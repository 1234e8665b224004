"""Scripted players: the perfect one takes the model answer, the silent one nothing, the third one the wrong scope."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Profile
from killswitch_console.authority.roles import NotAuthorised
from killswitch_console.drills.names import PlayerKind
from killswitch_console.drills.scenario import Answer
from killswitch_console.drills.seat import Hear, Seat
from killswitch_console.halting.confirmed import new_halt_id
from killswitch_console.halting.engine import (
    AlreadyRestored,
    CollateralNotAccepted,
    LedgerNeeded,
    UnknownHalt,
    WouldLockOut,
)
from killswitch_console.halting.ledger import LedgerError
from killswitch_console.halting.plan import Plan
from killswitch_console.halting.recording import RecordingNeeded
from killswitch_inventory.scopes import Scope

__all__ = ["REFUSALS", "Player", "PlayerKind", "steps_of"]

REFUSALS = (
    Problem,
    NotAuthorised,
    AlreadyRestored,
    LedgerNeeded,
    LedgerError,
    UnknownHalt,
    RecordingNeeded,
    CollateralNotAccepted,
    WouldLockOut,
)


def steps_of(kind: PlayerKind, answers: tuple[Answer, ...]) -> tuple[Answer, ...]:
    """The steps that a player takes of a model answer."""
    match kind:
        case PlayerKind.PERFECT:
            return answers
        case PlayerKind.SILENT:
            return ()
        case PlayerKind.WRONG_SCOPE:
            return tuple(_mistaken(answer, answers) for answer in answers)


def _mistaken(answer: Answer, answers: tuple[Answer, ...]) -> Answer:
    """A step with the wrong scope: its own, or that of the halt it is about; a refusal becomes the halt asked for."""
    if answer.wrong is not None:
        do = "halt" if answer.do in ("acknowledge", "decline") else answer.do
        return answer.model_copy(update={"scope": answer.wrong, "do": do})
    wrong = {other.scope: other.wrong for other in answers if other.do == "halt" and other.wrong}
    return answer.model_copy(update={"scope": wrong.get(answer.scope, answer.scope)})


class Player:
    """Sits in a seat and does as told. Steps run beside each other: a halt under way keeps nobody from reading.

    Args:
        seat: where it sits.
        hear: takes what the responder says.
        group: where its steps run.
        check: looks at a plan before it is confirmed; raises what speaks against it.
    """

    def __init__(
        self, seat: Seat, hear: Hear, group: asyncio.TaskGroup, *, check: Callable[[Plan], None] | None = None
    ) -> None:
        self._seat, self._hear, self._group, self._check = seat, hear, group, check
        self._halts: dict[str, str] = {}
        """The latest halt of each scope."""
        self._plans: dict[str, Plan] = {}
        """The latest plan of each scope that was shown on its own."""
        self._working: set[asyncio.Task[None]] = set()

    def take(self, step: Answer) -> None:
        """Begin one step."""
        task = self._group.create_task(self._do(step), name=f"player: {step.id}")
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    def repeat(self, do: str, about: Mapping[str, Any]) -> None:
        """Do once more what a person did at the console; a halt is of the plan that was shown last."""
        task = self._group.create_task(self._repeat(do, about), name=f"again: {do}")
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _repeat(self, do: str, about: Mapping[str, Any]) -> None:
        engine, scope = self._seat.engine, str(about.get("scope"))
        reason = str(about.get("reason") or "played again")
        try:
            match do:
                case "acknowledge" | "decline":
                    self._hear(f"responder.{do}d", {"inject": about["inject"]}, {})
                case "plan":
                    profile = Profile(about.get("profile", Profile.IMMEDIATE))
                    self._plans[scope] = await engine.plan(Scope.parse(scope), profile)
                case "halt" if scope in self._plans:
                    self._halts[scope] = halt_id = new_halt_id(self._seat.clock.moment())
                    plan = self._plans[scope]
                    await engine.halt(
                        plan, invoker=self._seat.invoker, reason=reason, accept_collateral=True, halt_id=halt_id
                    )
                case "restore" if scope in self._halts:
                    await engine.restore(self._halts[scope], invoker=self._seat.invoker, reason=reason)
                case _:
                    return
        except REFUSALS as refusal:
            self._hear("action.refused", {"action": do}, {"why": str(refusal)})

    @property
    def busy(self) -> bool:
        """Whether a step is under way."""
        return bool(self._working)

    def stop(self) -> None:
        """Leave everything where it is."""
        for task in self._working:
            task.cancel()

    async def _do(self, step: Answer) -> None:
        try:
            match step.do:
                case "acknowledge":
                    self._hear("responder.acknowledged", {"inject": step.inject}, {})
                case "decline":
                    self._hear("responder.declined", {"inject": step.inject}, {"reason": step.reason})
                case "plan":
                    await self._seat.engine.plan(Scope.parse(step.scope or ""), step.profile)
                case "halt":
                    await self._halt(step)
                case "resume":
                    await self._seat.engine.resume(self._of(step), timeout=step.timeout)
                case "restore":
                    await self._seat.engine.restore(
                        self._of(step), invoker=self._seat.invoker, reason=step.reason, timeout=step.timeout
                    )
        except REFUSALS as refusal:
            self._hear("action.refused", {"action": step.do}, {"why": str(refusal)})

    async def _halt(self, step: Answer) -> None:
        engine, scope = self._seat.engine, Scope.parse(step.scope or "")
        plan = await engine.plan(scope, step.profile)
        if self._check is not None:
            self._check(plan)
        self._halts[str(scope)] = halt_id = new_halt_id(self._seat.clock.moment())
        await engine.halt(
            plan,
            invoker=self._seat.invoker,
            reason=step.reason,
            accept_collateral=self._check is None,
            timeout=step.timeout,
            halt_id=halt_id,
        )

    def _of(self, step: Answer) -> str:
        known = self._halts.get(step.scope or "")
        if known is None:
            raise UnknownHalt(f"there is no halt of {step.scope} yet")
        return known
