"""``plan``: what a halt would do, and what it would not; changes nothing."""

from __future__ import annotations

import argparse

SUMMARY = "show what halting a scope would do: targets, collateral, untouched, risks, calls"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config, add_json, add_profile

    parser.add_argument(
        "scope", metavar="SCOPE", help="agent:NAME, instance:AGENT/INSTANCE, tenant:NAME, class:NAME, global"
    )
    add_profile(parser)
    add_config(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Plan, then exit 0, or 4 where a platform could not be seen."""
    from killswitch_console.cli import session

    return session.run(lambda: _plan(options))


async def _plan(options: argparse.Namespace) -> int:
    from killswitch_backends.protocol import Profile
    from killswitch_console.cli import session
    from killswitch_console.cli.main import DONE, UNPROVEN
    from killswitch_console.cli.output import print_json
    from killswitch_console.cli.showing import print_plan
    from killswitch_console.halting.document import plan_document
    from killswitch_inventory.scopes import Scope

    scope = Scope.parse(options.scope)
    async with session.engine(session.configuration(options)) as engine:
        blind = session.report_blind(engine)
        plan = await engine.plan(scope, Profile(options.profile))
        if options.json:
            print_json(plan_document(plan))
        else:
            print_plan(plan)
        return UNPROVEN if blind else DONE
