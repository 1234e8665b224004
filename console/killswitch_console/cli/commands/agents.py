"""``agents``: what exists, and how each agent can be stopped."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from killswitch_inventory.agents import Agent

SUMMARY = "list agents, how each can be stopped, and what nothing covers"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config, add_json

    parser.add_argument(
        "scope", nargs="?", default="global", metavar="SCOPE", help="agent:NAME, tenant:NAME, class:NAME"
    )
    add_config(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """List, then exit 0, or 4 where a platform could not be seen."""
    from killswitch_console.cli import session

    return session.run(lambda: _list(options))


async def _list(options: argparse.Namespace) -> int:
    from killswitch_console.cli import session
    from killswitch_console.cli.failures import UsageError
    from killswitch_console.cli.main import DONE, UNPROVEN
    from killswitch_console.cli.output import print_json
    from killswitch_console.halting.document import agent_document
    from killswitch_console.halting.engine import utc_now
    from killswitch_inventory.scopes import Scope

    scope = Scope.parse(options.scope)
    async with session.engine(session.configuration(options)) as engine:
        blind = session.report_blind(engine)
        agents = engine.fleet.agents(scope)
        if not agents and options.scope != "global" and not blind:
            raise UsageError(f"{scope}: no agent is known in this scope")
        if options.json:
            print_json([agent_document(agent, utc_now()) for agent in agents])
        else:
            _print(agents, len(engine.fleet.unclassified()))
        return UNPROVEN if blind else DONE


def _print(agents: list[Agent], unclassified: int) -> None:
    from killswitch_console.cli.output import print_table

    rows = [
        (
            agent.key.name,
            agent.key.agent_class,
            agent.key.tenant,
            agent.health,
            str(agent.concurrency),
            "halted" if agent.halted else "",
            " ".join(agent.layers) + (f"  NOT COVERED: {' '.join(agent.uncovered)}" if agent.uncovered else ""),
        )
        for agent in agents
    ]
    print_table(("AGENT", "CLASS", "TENANT", "HEALTH", "RUNS", "HALT", "LAYERS"), rows)
    if unclassified:
        print(f"\n{unclassified} process targets carry no agent label and belong to no agent")
