"""A plan in words."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from console.tui.still import StillEngine, still_fleet, still_world
from killswitch_console.halting.plan import Plan
from killswitch_console.tui.lines import plan as lines
from killswitch_inventory.scopes import Scope


def planned() -> Plan:
    world = still_world()
    return asyncio.run(StillEngine(still_fleet(world), world).plan(Scope.parse("global")))


def test_equal_risks_of_many_targets_are_one_line_each() -> None:
    plan = planned()
    risks = ("an autoscaler may wake it", "its session tokens live on")
    plan = replace(plan, targets=tuple(replace(t, risks=(risks[n % 2],)) for n, t in enumerate(plan.targets)))
    shown = ["".join(text for text, _ in line) for line in lines.whole(plan, 60.0, 100)]
    assert [line for line in shown if line.startswith("!")] == [f"! 11 targets: {risk}" for risk in risks]
    assert sum(line.endswith("and 8 more") for line in shown) == 2
