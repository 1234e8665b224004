"""``halt``: stop a scope, and exit 0 only with proof."""

from __future__ import annotations

import argparse

SUMMARY = "halt a scope and wait for proof; exits 0 only when every agent in it is proven stopped"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import (
        add_break_glass,
        add_config,
        add_confirmation,
        add_json,
        add_override,
        add_profile,
    )

    parser.add_argument(
        "scope", metavar="SCOPE", help="agent:NAME, instance:AGENT/INSTANCE, tenant:NAME, class:NAME, global"
    )
    add_confirmation(parser, verb="halt")
    parser.add_argument("--incident", metavar="ID", help="the incident this belongs to")
    add_profile(parser)
    parser.add_argument(
        "--accept-collateral", action="store_true", help="halt also where agents outside the scope share a target"
    )
    add_override(parser)
    add_break_glass(parser)
    add_config(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Halt, then exit 0 (stopped), 3 (refused) or 4 (not all proven)."""
    from killswitch_console.cli import session
    from killswitch_console.cli.refusals import recorded

    return session.run(lambda: recorded(_halt(options), options, "halt", options.scope))


async def _halt(options: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from killswitch_backends.protocol import Profile
    from killswitch_console.cli import session
    from killswitch_console.cli.asking import ask, can_ask, decide_early
    from killswitch_console.cli.glass import break_glass
    from killswitch_console.cli.main import UNPROVEN
    from killswitch_console.cli.showing import Progress, finish, print_plan
    from killswitch_console.cli.surviving import surviving
    from killswitch_console.halting.engine import new_halt_id, utc_now
    from killswitch_inventory.scopes import Scope

    scope = Scope.parse(options.scope)
    reason = session.non_empty(options.reason, "--reason")
    settled = session.configuration(options)
    environment = settled.document.environment
    decide_early(options.confirm, scope, environment)
    progress = Progress(quiet=options.json)
    with ExitStack() as until_closed:
        async with session.engine(settled, progress, sighted=not options.break_glass) as engine:
            await break_glass(engine, options, reason, options.incident)
            await engine.discover()
            session.report_blind(engine)
            plan = await engine.plan(scope, Profile(options.profile))
            engine.check_lockout(plan)
            engine.check_collateral(plan, accepted=options.accept_collateral)
            if options.confirm is None and can_ask():
                print_plan(plan, to_stderr=True)
            ask(options.confirm, scope, environment)
            halt_id = new_halt_id(utc_now())
            goes_on = f"the halt goes on; `status {halt_id}` shows it, `restore {halt_id}` undoes it"
            until_closed.enter_context(surviving(progress.voice.say, goes_on))
            record = await engine.halt(
                plan,
                invoker=session.invoker(options),
                reason=reason,
                incident=options.incident,
                accept_collateral=options.accept_collateral,
                timeout=options.timeout,
                halt_id=halt_id,
            )
    progress.voice.finish()
    code = finish(record, as_json=options.json)
    return UNPROVEN if record.let_go else code  # another console put a part of it back meanwhile: not all is stopped
