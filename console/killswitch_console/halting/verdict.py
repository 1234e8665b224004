"""What a halt may claim: each agent's state from its targets, and the verdict from the agents (design.md section 3).

Pure. Says ``stopped`` only of agents whose every process target, and every credential target, is proven stopped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.targets import Layer


class Verdict(StrEnum):
    """The one word for a whole halt or restore; only ``stopped`` and ``restored`` are success."""

    STOPPED = "stopped"
    LIMITED = "limited"
    INCOMPLETE = "incomplete"
    RESTORED = "restored"


class AgentState(StrEnum):
    """What is proven of one agent."""

    STOPPED = "stopped"
    LIMITED = "limited"
    """It has no process layer: credentials are dead or its capability is off, and that is proven."""
    ACTING = "acting"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class AgentOutcome:
    """One agent of a halt: what is proven of it, layer by layer."""

    key: AgentKey
    state: AgentState
    layers: Mapping[Layer, TargetState]


_WORST_LAST = (
    TargetState.STOPPED,
    TargetState.RESTORED,
    TargetState.DRAINING,
    TargetState.ACCEPTED,
    TargetState.REQUESTED,
    TargetState.PENDING,
    TargetState.UNKNOWN,
    TargetState.UNSUPPORTED,
    TargetState.BLOCKED,
    TargetState.CONFLICT,
    TargetState.FAILED,
    TargetState.REVIVED,
)
_RANK = {state: rank for rank, state in enumerate(_WORST_LAST)}


def worst_state(states: Iterable[TargetState], *, goal: TargetState = TargetState.STOPPED) -> TargetState:
    """The state that speaks for several targets of one layer: the furthest from what was wanted of them."""
    return max(states, key=lambda state: -1 if state is goal else _RANK[state])


@dataclass(frozen=True, slots=True)
class Unhalted:
    """An agent's target that the plan leaves untouched: it stands against the agent's being called stopped."""

    key: AgentKey
    layer: Layer
    state: TargetState = TargetState.UNSUPPORTED


def outcomes(
    agents: Sequence[AgentKey],
    targets: Iterable[TargetProgress],
    unhalted: Iterable[Unhalted] = (),
    *,
    goal: TargetState = TargetState.STOPPED,
) -> tuple[AgentOutcome, ...]:
    """What is proven of each agent, in the order given; ``goal``: whether they are being halted or put back."""
    layers: defaultdict[AgentKey, defaultdict[Layer, list[TargetState]]] = defaultdict(lambda: defaultdict(list))
    for target in targets:
        for key in target.agents:
            layers[key][target.layer].append(target.state)
    for left in unhalted:
        layers[left.key][left.layer].append(left.state)
    return tuple(_outcome(key, layers[key], goal) for key in agents)


def _outcome(key: AgentKey, states: Mapping[Layer, list[TargetState]], goal: TargetState) -> AgentOutcome:
    layers = {layer: states[layer] for layer in Layer if states.get(layer)}
    shown = {layer: worst_state(those, goal=goal) for layer, those in layers.items()}
    return AgentOutcome(key, _agent_state({layer: worst_state(those) for layer, those in layers.items()}), shown)


def _agent_state(layers: Mapping[Layer, TargetState]) -> AgentState:
    """Of the state of each layer that is furthest from stopped: one part that was put back acts."""
    process, credential = layers.get(Layer.PROCESS), layers.get(Layer.CREDENTIAL)
    if process is TargetState.STOPPED and credential in (None, TargetState.STOPPED):
        return AgentState.STOPPED
    if process is None and TargetState.STOPPED in layers.values():
        return AgentState.LIMITED
    if TargetState.UNKNOWN in (process, credential):
        return AgentState.UNKNOWN
    return AgentState.ACTING


def verdict(agents: Iterable[AgentOutcome], targets: Iterable[TargetProgress], *, blind: bool) -> Verdict:
    """The verdict of a halt.

    Args:
        agents: every agent in scope.
        targets: every target of the halt; one that is not stopped keeps the verdict from being ``limited``.
        blind: whether a platform that could carry a process or credential target could not be seen.
    """
    states = [agent.state for agent in agents]
    if blind or not states or any(s in (AgentState.ACTING, AgentState.UNKNOWN) for s in states):
        return Verdict.INCOMPLETE
    if all(s is AgentState.STOPPED for s in states):
        return Verdict.STOPPED
    proven = all(t.state is TargetState.STOPPED for t in targets)
    return Verdict.LIMITED if proven else Verdict.INCOMPLETE


def restore_verdict(targets: Iterable[TargetProgress]) -> Verdict:
    """``restored`` only when there are targets, and every one was read back equal to its prior state."""
    states = {t.state for t in targets}
    return Verdict.RESTORED if states == {TargetState.RESTORED} else Verdict.INCOMPLETE
