"""The flat model equals the naive one, whatever happens to the fleet; and a cursor finds what it stands on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from killswitch_console.tui.fleet_groups import INSERT_MOST
from killswitch_console.tui.model import AgentRow, FleetModel, Grouping, GroupRow
from killswitch_console.tui.ordering import natural
from killswitch_inventory.agents import Agent, AgentKey, Binding, Health, How
from killswitch_inventory.targets import BackendRef, Layer, TargetId

AT = datetime(2026, 11, 22, tzinfo=UTC)

keys = st.builds(
    AgentKey,
    st.sampled_from(["refund", "research", "Refund"]),
    st.sampled_from(["acme", "globex"]),
    st.sampled_from([f"a-{n}" for n in range(12)] + ["a-02", "\x1b"]),
)


def agent(
    key: AgentKey,
    health: Health = Health.OK,
    running: int = 1,
    layers: tuple[Layer, ...] = (Layer.PROCESS, Layer.CREDENTIAL),
    halted: bool = False,
) -> Agent:
    bindings = tuple(Binding(TargetId(BackendRef("k", "p"), f"{layer}"), layer, How.LABEL) for layer in layers)
    return Agent(key, health, running, (), bindings, halted, AT)


agents = st.builds(
    agent,
    keys,
    st.sampled_from(Health),
    st.integers(0, 9),
    st.sampled_from([(), (Layer.PROCESS,), (Layer.PROCESS, Layer.CREDENTIAL), tuple(Layer)]),
    st.booleans(),
)


class ModelMachine(RuleBasedStateMachine):
    """A naive fleet beside the flat one."""

    def __init__(self) -> None:
        super().__init__()
        self.model = FleetModel()
        self.known: dict[AgentKey, Agent] = {}
        self.halting: set[AgentKey] = set()
        self.opened: set[str] = set()

    @rule(changed=st.lists(agents, max_size=8, unique_by=lambda a: a.key), gone=st.sets(keys, max_size=4))
    def apply(self, changed: list[Agent], gone: set[AgentKey]) -> None:
        gone -= {a.key for a in changed}
        self.model.apply(changed, gone)
        self.known.update({a.key: a for a in changed})
        for key in gone:
            self.known.pop(key, None)
        self.opened &= {self.group(key) for key in self.known}

    @rule(halting=st.sets(keys, max_size=6))
    def halt(self, halting: set[AgentKey]) -> None:
        self.model.set_halting(halting)
        self.halting = halting

    @rule(name=st.sampled_from(["refund", "research", "Refund", "acme", "globex"]), on=st.booleans())
    def expand(self, name: str, on: bool) -> None:
        self.model.expand(name, on=on)
        if name in {self.group(key) for key in self.known}:
            (self.opened.add if on else self.opened.discard)(name)

    @rule(on=st.booleans())
    def expand_all(self, on: bool) -> None:
        self.model.expand_all(on=on)
        self.opened = {self.group(key) for key in self.known} if on else set()

    @rule(grouping=st.sampled_from(Grouping))
    def regroup(self, grouping: Grouping) -> None:
        self.model.regroup(grouping)
        self.opened = set()

    def group(self, key: AgentKey) -> str:
        return key.agent_class if self.model.grouping is Grouping.CLASS else key.tenant

    @invariant()
    def rows_are_those_of_the_naive_tree(self) -> None:
        expected: list[AgentKey | str] = []
        for name in sorted({self.group(key) for key in self.known}, key=natural):
            expected.append(name)
            if name in self.opened:
                members = [key for key in self.known if self.group(key) == name]
                expected += sorted(members, key=lambda k: (natural(k.name)[0], k.name, k.agent_class, k.tenant))
        assert [self.model.node(row) for row in range(self.model.row_count)] == expected
        assert [self.model.row_of(node) for node in expected] == list(range(len(expected)))
        assert self.model.node(len(expected)) is None
        assert len(self.model) == len(self.known)

    @invariant()
    def rollups_are_sums(self) -> None:
        for name in {self.group(key) for key in self.known}:
            members = [a for key, a in self.known.items() if self.group(key) == name]
            row = self.model.show(name)
            assert isinstance(row, GroupRow)
            self.check(row, members)
        self.check(self.model.total(), list(self.known.values()))

    def check(self, row: GroupRow, members: list[Agent]) -> None:
        assert row.agents == len(members)
        assert row.running == sum(a.concurrency for a in members)
        assert row.halted == sum(a.halted for a in members)
        assert row.uncovered == sum(bool(a.uncovered) for a in members)
        assert row.halting == sum(a.key in self.halting for a in members)
        assert row.health == {h: sum(a.health is h for a in members) for h in Health}

    @invariant()
    def agents_are_shown_as_they_are(self) -> None:
        for key, known in self.known.items():
            assert self.model.show(key) == AgentRow(
                key=key,
                health=known.health,
                running=known.concurrency,
                layers=known.layers,
                uncovered=bool(known.uncovered),
                halted=known.halted,
                halting=key in self.halting,
            )


ModelMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestModel = ModelMachine.TestCase


def test_only_what_changed_is_to_be_painted() -> None:
    model = FleetModel()
    key, other = AgentKey("refund", "acme", "a"), AgentKey("refund", "acme", "b")
    model.apply([agent(key), agent(other)], ())
    assert model.settle()[0]
    model.apply([agent(key, running=5), agent(other)], ())
    assert model.settle() == (False, {key, "refund"})
    assert model.settle() == (False, set())


def test_a_whole_class_arrives_and_leaves_in_one_batch() -> None:
    model = FleetModel()
    many = [AgentKey("refund", "acme", f"a-{n}") for n in range(3 * INSERT_MOST)]
    model.apply([agent(key) for key in reversed(many)], ())
    model.expand("refund", on=True)
    assert [model.node(n) for n in (1, 2, 11)] == [many[0], many[1], many[10]]
    model.apply((), many[1:])
    assert [model.node(n) for n in range(model.row_count)] == ["refund", many[0]]
    model.apply((), many[:1])
    assert model.row_count == 0


@pytest.mark.parametrize(("first", "second"), [("a-2", "a-10"), ("a-02", "a-2"), ("a", "a-1")])
def test_numbers_are_ordered_as_numbers(first: str, second: str) -> None:
    assert natural(first) < natural(second)


@given(st.text(), st.text())
def test_different_names_are_never_equal_in_order(first: str, second: str) -> None:
    assert (natural(first) == natural(second)) == (first == second)
