"""What the halt screen says of agents that may still act on a flag's old value: their own word, beside the proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from console.tui.still import record
from killswitch_backends.protocol import AgentReports
from killswitch_console.halting.progress import TargetState
from killswitch_console.tui.lines.stale import stale_lines
from killswitch_console.tui.live_halt import LiveHalt, Phase


def halt_with(reports: AgentReports | None) -> LiveHalt:
    """A halt under way whose first target carries what agents reported."""
    made = record("class:outreach", lambda _: TargetState.DRAINING, begun=timedelta(seconds=9), ended=False)
    first, *rest = made.targets
    return LiveHalt(replace(made, targets=(replace(first, reports=reports), *rest)), Phase.HALTING)


def said(halt: LiveHalt) -> str:
    return "\n".join("".join(text for text, _ in line) for line in stale_lines(halt, 100))


def test_nothing_is_said_where_nobody_reports() -> None:
    assert said(halt_with(None)) == ""


def test_who_is_behind_is_named_and_the_list_shrinks() -> None:
    agent = halt_with(None).base.targets[0].agents[0].name
    behind = halt_with(AgentReports(behind=(f"{agent}/one", f"{agent}/two"), current=(f"{agent}/three",)))
    assert f"2 evaluated last what was before the halt: {agent}/one, {agent}/two" in said(behind)
    behind.move([replace(behind.base.targets[0], reports=AgentReports(behind=(f"{agent}/one",), current=()))])
    assert f"1 evaluated last what was before the halt: {agent}/one" in said(behind)


def test_agents_without_the_helper_are_named() -> None:
    halt = halt_with(AgentReports())
    agent = halt.base.targets[0].agents[0].name
    assert "may hold a stale value until they reconnect" in said(halt)
    assert agent in said(halt)
