"""What the app makes of events: what it may claim, and what it must not claim yet."""

from __future__ import annotations

import pytest

from console.tui.driving import ALICE
from console.tui.scripted import IAM, KUBERNETES, LAYERS
from console.tui.still import NOW
from console.tui.test_model import agent
from killswitch_console.halting.events import FleetChanged
from killswitch_console.tui.lines import top
from killswitch_console.tui.model import AgentRow
from killswitch_console.tui.state import COVERAGE_COMES, ConsoleState
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.sightedness import BackendView, Sightedness
from killswitch_inventory.targets import BackendRef, Layer

A = AgentKey("refund", "acme", "a")
FLAGS = BackendRef("launchdarkly", "prod")


def see(state: ConsoleState, kubernetes: Sightedness, iam: Sightedness, flags: Sightedness = Sightedness.LIVE) -> str:
    """Tell a state what each backend shows; what the title then says."""
    views = (BackendView(KUBERNETES, kubernetes), BackendView(IAM, iam), BackendView(FLAGS, flags))
    state.apply([FleetChanged((agent(A, layers=(Layer.PROCESS,)),), (), views)])
    line = top.title("production", "alice", state.fleet.total(), state.coverage_doubt, NOW, 100)
    return "".join(text for text, _ in line)


@pytest.mark.parametrize("other", [Sightedness.WAITING, Sightedness.LISTING])
def test_nothing_is_called_not_covered_while_a_platform_that_counts_was_not_listed(other: Sightedness) -> None:
    state = ConsoleState("production", ALICE, layers={**LAYERS, "launchdarkly": Layer.CAPABILITY})
    said = see(state, Sightedness.LIVE, other)
    assert COVERAGE_COMES in said
    assert "not covered" not in said
    row = state.fleet.show(A)
    assert isinstance(row, AgentRow)
    assert not row.uncovered
    assert "! 1 not covered" in see(state, Sightedness.LIVE, Sightedness.LIVE, other)


def test_a_platform_that_cannot_be_seen_leaves_the_coverage_unknown_until_it_is() -> None:
    state = ConsoleState("production", ALICE, layers=LAYERS)
    assert "coverage unknown: iam:prod cannot be seen" in see(state, Sightedness.LIVE, Sightedness.FAILED)
    assert "! 1 not covered" in see(state, Sightedness.LIVE, Sightedness.LIVE)


def test_what_was_listed_once_is_judged_although_it_is_listed_again_or_stale() -> None:
    state = ConsoleState("production", ALICE, layers=LAYERS)
    see(state, Sightedness.LIVE, Sightedness.LIVE)
    assert "! 1 not covered" in see(state, Sightedness.LISTING, Sightedness.STALE)
