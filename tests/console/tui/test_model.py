"""The flat model equals the naive one, whatever happens to the fleet; and a cursor finds what it stands on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from killswitch_console.tui.fleet_filter import parse
from killswitch_console.tui.fleet_groups import INSERT_MOST, Grouping
from killswitch_console.tui.fleet_membership import UNBOUND
from killswitch_console.tui.model import AgentRow, FleetModel, GroupRow
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


_ON = {
    Layer.PROCESS: BackendRef("kubernetes", "prod"),
    Layer.CREDENTIAL: BackendRef("iam", "prod"),
    Layer.CAPABILITY: BackendRef("launchdarkly", "prod"),
}


def agent(
    key: AgentKey,
    health: Health = Health.OK,
    running: int = 1,
    layers: tuple[Layer, ...] = (Layer.PROCESS, Layer.CREDENTIAL),
    halted: bool = False,
) -> Agent:
    bindings = tuple(Binding(TargetId(_ON[layer], f"{layer}"), layer, How.LABEL) for layer in layers)
    return Agent(key, health, running, (), bindings, halted, AT)


agents = st.builds(
    agent,
    keys,
    st.sampled_from(Health),
    st.integers(0, 9),
    st.sampled_from([(), (Layer.CREDENTIAL,), (Layer.PROCESS,), (Layer.PROCESS, Layer.CREDENTIAL), tuple(Layer)]),
    st.booleans(),
)


PASSES: dict[str, Callable[[Agent, bool], bool]] = {
    "A-1": lambda a, _: "a-1" in a.key.name.lower(),
    "class:ref": lambda a, _: "ref" in a.key.agent_class.lower(),
    "tenant:glo": lambda a, _: "glo" in a.key.tenant,
    "backend:iam": lambda a, _: bool(a.bindings) and Layer.PROCESS not in a.layers and Layer.CREDENTIAL in a.layers,
    "state:fail": lambda a, _: a.health is Health.FAILING,
    "state:halt": lambda a, halting: a.halted or halting,
    "state:uncov": lambda a, _: bool(a.uncovered),
    "state:run": lambda a, _: a.concurrency > 0,
}
"""Words of the filter, and what each lets through, said as plainly as can be."""


class ModelMachine(RuleBasedStateMachine):
    """A naive fleet beside the flat one."""

    def __init__(self) -> None:
        super().__init__()
        self.model = FleetModel()
        self.known: dict[AgentKey, Agent] = {}
        self.halting: set[AgentKey] = set()
        self.opened: set[str] = set()
        self.closed: set[str] = set()
        self.wanted: list[str] = []
        self.marked: set[AgentKey] = set()

    @rule(changed=st.lists(agents, max_size=8, unique_by=lambda a: a.key), gone=st.sets(keys, max_size=4))
    def apply(self, changed: list[Agent], gone: set[AgentKey]) -> None:
        gone -= {a.key for a in changed}
        self.model.apply(changed, gone)
        self.known.update({a.key: a for a in changed})
        for key in gone:
            self.known.pop(key, None)
        self.marked &= self.known.keys()

    @rule(halting=st.sets(keys, max_size=6))
    def halt(self, halting: set[AgentKey]) -> None:
        self.model.set_halting(halting)
        self.halting = halting

    @rule(data=st.data(), on=st.booleans())
    def expand(self, data: st.DataObject, on: bool) -> None:
        if names := sorted({self.group(key) for key in self.shown}):
            name = data.draw(st.sampled_from(names))
            self.model.expand(name, on=on)
            if self.wanted:
                (self.closed.discard if on else self.closed.add)(name)
            else:
                (self.opened.add if on else self.opened.discard)(name)

    @rule(on=st.booleans())
    def expand_all(self, on: bool) -> None:
        self.model.expand_all(on=on)
        names = {self.group(key) for key in self.shown}
        if self.wanted:
            self.closed = set() if on else names
        else:
            self.opened = names if on else set()

    @rule(grouping=st.sampled_from(Grouping))
    def regroup(self, grouping: Grouping) -> None:
        self.model.regroup(grouping)
        self.opened, self.closed = set(), set()

    @rule(words=st.lists(st.sampled_from(sorted(PASSES)), max_size=2, unique=True), turned=st.booleans())
    def filter(self, words: list[str], turned: bool) -> None:
        said = [f"!{words[0]}", *words[1:]] if turned and words else words
        if bool(said) != bool(self.wanted):
            self.closed = set()
        self.wanted = said
        self.model.filter_by(parse(" ".join(said)))

    @rule(marked=st.sets(keys, max_size=4), on=st.booleans())
    def mark(self, marked: set[AgentKey], on: bool) -> None:
        self.model.mark(marked, on=on)
        marked &= self.known.keys()
        self.marked = self.marked | marked if on else self.marked - marked

    def group(self, key: AgentKey) -> str:
        known = self.known[key]
        first = next((b for b in known.bindings if b.layer is Layer.PROCESS), next(iter(known.bindings), None))
        return {
            Grouping.CLASS: key.agent_class,
            Grouping.TENANT: key.tenant,
            Grouping.BACKEND: first.target.backend.kind if first else UNBOUND,
            Grouping.ACCOUNT: str(first.target.backend) if first else UNBOUND,
            Grouping.HEALTH: str(known.health),
        }[self.model.grouping]

    @property
    def shown(self) -> set[AgentKey]:
        """The agents that the filter lets through, by the plainest of means."""

        def passes(word: str, key: AgentKey) -> bool:
            one = self.known[key]
            return PASSES[word.removeprefix("!")](one, key in self.halting) != word.startswith("!")

        return {key for key in self.known if all(passes(word, key) for word in self.wanted)}

    def order(self, name: str) -> tuple[object, ...]:
        worst_first = self.model.grouping is Grouping.HEALTH
        return (-list(Health).index(Health(name)) if worst_first else 0, natural(name))

    def tree(self) -> list[tuple[str, list[AgentKey]]]:
        """Groups in their order with their members in theirs."""
        names = sorted({self.group(key) for key in self.shown}, key=self.order)
        by = {name: [key for key in self.shown if self.group(key) == name] for name in names}
        return [
            (name, sorted(of, key=lambda k: (natural(k.name)[0], k.name, k.agent_class, k.tenant)))
            for name, of in by.items()
        ]

    @invariant()
    def rows_are_those_of_the_naive_tree(self) -> None:
        expected: list[AgentKey | str] = []
        for name, members in self.tree():
            expected.append(name)
            if (name not in self.closed) if self.wanted else (name in self.opened):
                expected += members
        assert [self.model.node(row) for row in range(self.model.row_count)] == expected
        assert [self.model.row_of(node) for node in expected] == list(range(len(expected)))
        assert self.model.node(len(expected)) is None
        assert len(self.model) == len(self.known)
        assert self.model.shown == len(self.shown)

    @invariant()
    def rollups_are_sums(self) -> None:
        for name, members in self.tree():
            row = self.model.show(name)
            assert isinstance(row, GroupRow)
            self.check(row, [self.known[key] for key in members])
            assert row.marked == sum(self.group(key) == name for key in self.marked)
        self.check(self.model.total(), list(self.known.values()))

    @invariant()
    def a_round_of_problems_is_all_of_them(self) -> None:
        unwell = (Health.UNKNOWN, Health.DEGRADED, Health.FAILING)
        rows: list[AgentKey | str] = [node for name, members in self.tree() for node in (name, *members)]
        bad = [
            n for n in rows if isinstance(n, AgentKey) and (self.known[n].health in unwell or self.known[n].uncovered)
        ]
        for at, node in enumerate(rows):
            later = [n for n in [*rows[at + 1 :], *rows[:at]] if n in bad]
            assert self.model.problem_after(node) == (later[0] if later else None)
            assert self.model.problem_after(node, back=True) == (later[-1] if later else None)

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
                marked=key in self.marked,
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
