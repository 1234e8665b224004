"""What a person has confirmed, on its way to the engine: halts, restores, approvals, escalations.

Only dialogs lead here. No screen can cancel what was handed over; its failure is shown where the halt is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from killswitch_console.halting.approving import Approval
from killswitch_console.halting.engine import Engine, new_halt_id
from killswitch_console.halting.escalating import Escalated
from killswitch_console.halting.plan import Plan
from killswitch_console.halting.record import HaltRecord
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import words
from killswitch_console.tui.screens.halt import HaltScreen
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import TargetId

if TYPE_CHECKING:
    from killswitch_console.tui.app import ConsoleApp

_T = TypeVar("_T")


class Invoking:
    """Hands an app's confirmed work to its engine."""

    def __init__(self, app: ConsoleApp) -> None:
        self._app = app

    def begin_halts(self, plans: Sequence[Plan], *, reason: str, incident: str | None) -> None:
        """Carry out confirmed plans, a halt each, all at once; then show the halt, or the list of them."""
        state = self._app.state
        invoker = state.invoker
        begun: list[tuple[str, Scope]] = []
        for plan in plans:
            halt_id = new_halt_id(self._app.now())

            async def halt(engine: Engine, plan: Plan = plan, halt_id: str = halt_id) -> HaltRecord:
                return await engine.halt(
                    plan, invoker=invoker, reason=reason, incident=incident, accept_collateral=True, halt_id=halt_id
                )

            self._hand_over(halt, f"halt of {plan.scope}", halt_id)
            state.book.ask(halt_id, plan.scope)
            begun.append((halt_id, plan.scope))
        state.fleet.mark(list(state.fleet.marked), on=False)
        if len(begun) == 1:
            self._app.switch_screen(HaltScreen(*begun[0]))
        else:
            self._app.pop_screen()
            self._app.action_halts()

    def finish_halt(self, halt_id: str, scope: Scope) -> None:
        """Have the engine finish a halt that was interrupted."""

        async def resume(engine: Engine) -> HaltRecord:
            return await engine.resume(halt_id)

        self._hand_over(resume, f"rest of the halt of {scope}", halt_id)
        self._app.open_halt(halt_id, scope)

    def begin_restore(self, halt_id: str, *, reason: str) -> None:
        """Carry out a confirmed restore, and follow it."""
        state = self._app.state
        invoker = state.invoker
        halt = state.book.get(halt_id)
        assert halt is not None  # noqa: S101  (a screen only restores what it shows)
        scope = halt.header.scope

        async def restore(engine: Engine) -> HaltRecord:
            return await engine.restore(halt_id, invoker=invoker, reason=reason)

        self._hand_over(restore, f"restore of {scope}", halt_id)
        state.book.ask_restore(halt_id)
        self._app.switch_screen(HaltScreen(halt_id, scope))

    def approve(self, halt_id: str) -> None:
        """Agree to a restore as the second person."""
        invoker = self._app.state.invoker

        async def agree(engine: Engine) -> Approval:
            return await engine.approve(halt_id, invoker=invoker)

        self._hand_over(agree, f"approval of {halt_id}", halt_id)

    def escalate(self, halt_id: str, only: Collection[TargetId]) -> None:
        """End laggards of a halt without their grace, and say what came of it."""
        invoker = self._app.state.invoker

        async def force(engine: Engine) -> tuple[Escalated, ...]:
            return await engine.escalate(halt_id, invoker=invoker, only=only)

        def said(done: tuple[Escalated, ...]) -> None:
            wrong = [one for one in done if one.problem]
            self._app.tell(f"{words.counted(len(done) - len(wrong), 'target')} told to end at once", wrong=False)
            for one in wrong[:3]:
                self._app.tell(f"{one.target} was not forced: {one.problem}", wrong=True)

        self._hand_over(force, f"force of {halt_id}", halt_id, done=said)

    def _hand_over(
        self,
        job: Callable[[Engine], Awaitable[_T]],
        name: str,
        halt_id: str,
        done: Callable[[_T], None] = lambda _: None,
    ) -> None:
        """Start work that no screen may cancel."""

        def settled(outcome: Future[_T]) -> None:
            error = outcome.exception()
            if error is None:
                self._app.in_loop(lambda: done(outcome.result()))
            else:
                self._app.in_loop(lambda: self._failed(halt_id, error))

        self._app.engine.submit(job, name=name).add_done_callback(settled)

    def _failed(self, halt_id: str, error: BaseException) -> None:
        self._app.state.book.fail(halt_id, clean(str(error) or repr(error), most=1000))
        self._app.bell()
        self._app.freshen()
