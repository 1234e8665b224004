"""``restore``: put back what a halt changed, field by field."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from killswitch_console.halting.engine import Engine
    from killswitch_inventory.scopes import Scope

SUMMARY = "put back exactly what a halt changed; what someone changed since is left alone and reported"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import (
        add_break_glass,
        add_config,
        add_confirmation,
        add_json,
        add_override,
        add_trail,
    )

    parser.add_argument(
        "halt", metavar="HALT", help="the halt's id, see `status` (`status --marks` for another bastion's)"
    )
    add_confirmation(parser, verb="restore", required=False)
    parser.add_argument(
        "--plan",
        action="store_true",
        help="show what it would do and meet (changes, missing rights, quotas, what waits), and do nothing",
    )
    parser.add_argument("--only", metavar="SCOPE", help="put back the agents of this scope only; the rest stays halted")
    parser.add_argument(
        "--on-failure",
        choices=("stop", "continue", "undo"),
        default="stop",
        help="when something cannot be put back: leave the rest halted (default), go on, or halt all of it again",
    )
    parser.add_argument(
        "--alone", metavar="REASON", help="do alone what takes two people, and why; recorded as a security event"
    )
    add_trail(parser)
    add_override(parser)
    add_break_glass(parser)
    add_config(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Restore, then exit 0 (all restored), 3 (refused) or 4 (something is not); of a plan: whether all would be."""
    from killswitch_console.cli import session
    from killswitch_console.cli.refusals import recorded

    work = _plan if options.plan else _restore
    return session.run(lambda: recorded(work(options), options, "restore", options.halt))


async def _plan(options: argparse.Namespace) -> int:
    from killswitch_console.cli import session
    from killswitch_console.cli.elsewhere import hear_second_person, know_from_trail
    from killswitch_console.cli.main import DONE, UNPROVEN
    from killswitch_console.cli.restore_plans import show
    from killswitch_inventory.scopes import Scope

    only = None if options.only is None else Scope.parse(options.only)
    settled = session.configuration(options)
    async with session.engine(settled) as engine:
        session.report_blind(engine)
        await know_from_trail(engine, options, settled)
        await hear_second_person(engine, options, settled)
        plan = await engine.plan_restore(options.halt, reader=session.invoker(options), only=only)
    show(plan, as_json=options.json)
    return DONE if all(target.comes_back for target in plan.targets) else UNPROVEN


async def _restore(options: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from killswitch_console.cli import session
    from killswitch_console.cli.elsewhere import hear_second_person, know_from_trail
    from killswitch_console.cli.glass import break_glass
    from killswitch_console.cli.showing import Progress, finish
    from killswitch_console.cli.surviving import surviving
    from killswitch_console.halting.staging import OnFailure
    from killswitch_console.halting.verdict import Verdict
    from killswitch_inventory.scopes import Scope

    reason = session.non_empty(options.reason or "", "--reason")
    alone = None if options.alone is None else session.non_empty(options.alone, "--alone")
    only = None if options.only is None else Scope.parse(options.only)
    progress = Progress(quiet=options.json)
    goes_on = f"the restore goes on; `status {options.halt}` shows it"
    settled = session.configuration(options)
    with ExitStack() as until_closed:
        async with session.engine(settled, progress, sighted=False) as engine:
            await know_from_trail(engine, options, settled)
            await _confirm(engine, options, only)
            await hear_second_person(engine, options, settled)
            until_closed.enter_context(surviving(progress.voice.say, goes_on))
            await break_glass(engine, options, reason)
            await engine.discover()
            record = await engine.restore(
                options.halt,
                invoker=session.invoker(options),
                reason=reason,
                timeout=options.timeout,
                only=only,
                on_failure=OnFailure(options.on_failure),
                alone=alone,
            )
    progress.voice.finish()
    return finish(record, as_json=options.json, wanted=Verdict.RESTORED)


async def _confirm(engine: Engine, options: argparse.Namespace, only: Scope | None) -> None:
    """Have the scope confirmed; of another bastion's halt the scope is not known, so what it hit decides.

    Raises:
        UnknownHalt, NotConfirmed: nothing was done.
    """
    from killswitch_console.cli.asking import ask, ask_any
    from killswitch_console.halting.engine import UnknownHalt
    from killswitch_console.halting.foreign import scopes_of

    environment = engine.settings.environment
    try:
        record = await engine.record(options.halt)
    except UnknownHalt:
        await engine.discover()
        found = await engine.foreign(options.halt)
        if not found:
            raise
        ask_any(options.confirm, (only,) if only else found[0].scopes, environment)
        return
    if not (record.header.scope_known or only):
        ask_any(options.confirm, scopes_of(record.header.agents), environment)
    else:
        ask(options.confirm, only or record.header.scope, record.header.environment, restore=True)
