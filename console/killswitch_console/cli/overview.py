"""What a terminal gets that cannot show the console: the fleet in a few lines, and the commands to go on with."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable

from killswitch_console.cli import session
from killswitch_console.cli.main import DONE, UNPROVEN
from killswitch_console.cli.output import print_facts, print_table, speak_linearly
from killswitch_console.cli.showing import print_halts
from killswitch_console.halting.lease import Leases
from killswitch_inventory.agents import Agent, Health
from killswitch_inventory.scopes import Scope

NEXT = "plan SCOPE, halt SCOPE --reason TEXT, status HALT, agents SCOPE, check; each has --help and --plain"


def overview(options: argparse.Namespace, why: str) -> int:
    """Say what is there and what to do next; exit 0, or 4 where a platform could not be seen."""
    session.warn(why)
    speak_linearly()
    return session.run(lambda: _show(options))


async def _show(options: argparse.Namespace) -> int:
    settled = session.configuration(options)
    async with session.engine(settled) as engine:
        blind = session.report_blind(engine)
        agents = engine.fleet.agents(Scope.parse("global"))
        print_facts(
            [
                ("environment", settled.document.environment),
                *((f"platform {view.ref}", str(view.sightedness)) for view in engine.fleet.backends),
                ("agents", str(len(agents))),
            ]
        )
        print()
        print_table(("CLASS", "AGENTS", "RUNNING", "NOT WELL", "HALTED", "NOT COVERED"), _classes(agents))
        print()
        if engine.ledger is not None:
            leases = Leases(settled.state_dir)
            records = await engine.ledger.halts()
            print_halts(records, {r.header.halt_id: leases.holder(r.header.halt_id) for r in records})
    print_facts([("next", NEXT)])
    return UNPROVEN if blind else DONE


def _classes(agents: Iterable[Agent]) -> list[tuple[str, ...]]:
    classes: defaultdict[str, list[Agent]] = defaultdict(list)
    for agent in agents:
        classes[agent.key.agent_class].append(agent)
    return [
        (
            name,
            str(len(members)),
            str(sum(agent.concurrency for agent in members)),
            _some(agent.health not in (Health.OK, Health.IDLE) for agent in members),
            _some(agent.halted for agent in members),
            _some(bool(agent.uncovered) for agent in members),
        )
        for name, members in sorted(classes.items())
    ]


def _some(of: Iterable[bool]) -> str:
    """How many; nothing where there are none."""
    return str(sum(of) or "")
