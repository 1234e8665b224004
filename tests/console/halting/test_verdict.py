"""What may be claimed of an agent, whatever the states of its targets are: never more than was proven."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from killswitch_backends.protocol import Evidence, Grade
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.verdict import AgentState, Unhalted, Verdict, outcomes, verdict, worst_state
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.targets import Layer, TargetId

AGENT = AgentKey("refund", "payments", "acme")
SEEN = Evidence(Grade.OBSERVED, "nothing runs", datetime(2026, 11, 23, tzinfo=UTC))
DANGEROUS = (Layer.PROCESS, Layer.CREDENTIAL)

States = list[tuple[Layer, TargetState]]
some_states = st.lists(st.tuples(st.sampled_from(Layer), st.sampled_from(TargetState)), max_size=6)
goals = st.sampled_from([TargetState.STOPPED, TargetState.RESTORED])


def targets(states: States) -> list[TargetProgress]:
    return [
        TargetProgress(
            target=TargetId.parse(f"scripted:prod/{number}"), layer=layer, agents=(AGENT,), state=state, evidence=SEEN
        )
        for number, (layer, state) in enumerate(states)
    ]


@given(some_states, st.lists(st.sampled_from(Layer), max_size=2), goals)
def test_stopped_is_an_agent_of_which_every_process_and_every_credential_is(
    states: States, untouched: list[Layer], goal: TargetState
) -> None:
    left = [Unhalted(AGENT, layer) for layer in untouched]
    (outcome,) = outcomes([AGENT], targets(states), left, goal=goal)
    of = [*states, *((layer, TargetState.UNSUPPORTED) for layer in untouched)]
    stopped = all(state is TargetState.STOPPED for layer, state in of if layer in DANGEROUS)
    assert (outcome.state is AgentState.STOPPED) is (stopped and any(layer is Layer.PROCESS for layer, _ in of))


@given(some_states, goals)
def test_a_layer_is_called_what_was_wanted_only_if_all_of_it_is(states: States, goal: TargetState) -> None:
    (outcome,) = outcomes([AGENT], targets(states), goal=goal)
    for layer, said in outcome.layers.items():
        those = {state for one, state in states if one is layer}
        assert said in those
        assert (said is goal) is (those == {goal})


@given(some_states, st.booleans())
def test_no_verdict_is_better_than_its_agents(states: States, blind: bool) -> None:
    all_of_them = targets(states)
    agents = outcomes([AGENT], all_of_them)
    said = verdict(agents, all_of_them, blind=blind)
    assert (said is Verdict.STOPPED) is (agents[0].state is AgentState.STOPPED and not blind)
    if said is Verdict.LIMITED:
        assert states
        assert {state for _, state in states} == {TargetState.STOPPED}


@given(st.lists(st.sampled_from(TargetState), min_size=1))
def test_the_worst_state_is_one_of_them_in_any_order(states: list[TargetState]) -> None:
    assert worst_state(states) in states
    assert worst_state(states) is worst_state(reversed(states))
