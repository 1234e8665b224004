"""The rules by which agents act, on a clock that the test moves."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from killswitch_backends.simulator.acting import World
from killswitch_backends.simulator.clock import rfc3339
from killswitch_backends.simulator.fleet import role_arn
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from virtual_clock import VirtualClock

SPEC = AgentSpec(
    name="refund-1",
    agent_class="refund",
    tenant="acme",
    runtime=Runtime.KUBERNETES,
    role="refund-1-role",
    flag="refund-1-enabled",
    tick=1.0,
    ticks_per_task=3,
)
ROLE = role_arn("refund-1-role")


@dataclass
class Platforms:
    """Fake data planes: what is denied, what is off."""

    denied: set[str] = field(default_factory=set)
    off: set[str] = field(default_factory=set)
    version: int = 1
    evaluations: int = 0

    def allows(self, identity: str) -> bool:
        return identity not in self.denied

    def evaluate(self, flag: str) -> tuple[bool, int]:
        self.evaluations += 1
        return flag not in self.off, self.version


class Stage:
    """A world with fake platforms and a clock."""

    def __init__(self, *specs: AgentSpec) -> None:
        self.clock = VirtualClock()
        self.platforms = Platforms()
        self.world = World(specs, clock=self.clock, rng=random.Random(1))
        self.world.connect(credentials=self.platforms, capability=self.platforms)

    def run(self, seconds: float, beat: float = 0.125) -> None:
        """Let time pass in small beats, as the world's loop does."""
        for _ in range(round(seconds / beat)):
            self.clock.advance(beat)
            while self.world.step():
                pass

    def actions(self, agent: str = "refund-1") -> int:
        return self.world.truth()[agent]["actions"]


@pytest.fixture
def stage():
    return Stage(SPEC)


def test_an_agent_without_instances_does_not_act(stage):
    stage.run(10)
    assert stage.world.truth()["refund-1"] == {
        "running": 0,
        "last_action_at": None,
        "actions": 0,
        "denied": 0,
        "flag_version": None,
    }


def test_an_instance_acts_once_a_tick_and_its_last_action_is_recorded(stage):
    stage.world.instance_started("refund-1", "pod-a", identity=ROLE)
    stage.run(10)
    assert stage.actions() == 10
    last = stage.world.truth()["refund-1"]["last_action_at"]
    assert rfc3339(stage.clock.now() - 1) <= last <= rfc3339(stage.clock.now())


def test_every_instance_acts(stage):
    for number in range(3):
        stage.world.instance_started("refund-1", f"pod-{number}", identity=ROLE)
    stage.run(10)
    assert stage.world.truth()["refund-1"]["running"] == 3
    assert stage.actions() == 30


def test_starting_twice_is_starting_once(stage):
    stage.world.instance_started("refund-1", "pod-a", identity=ROLE)
    stage.world.instance_started("refund-1", "pod-a", identity=ROLE)
    stage.run(10)
    assert stage.world.truth()["refund-1"]["running"] == 1
    assert stage.actions() == 10


def test_an_ended_instance_never_acts_again(stage):
    stage.world.instance_started("refund-1", "pod-a", identity=ROLE)
    stage.run(5)
    stage.world.instance_ended("pod-a")
    stage.world.instance_ended("pod-a")
    stage.world.instance_ended("never-seen")
    stage.run(5)
    assert stage.actions() == 5
    assert stage.world.truth()["refund-1"]["running"] == 0


def test_denied_credentials_stop_every_action_at_once(stage):
    stage.world.instance_started("refund-1", "pod-a", identity=ROLE)
    stage.run(5)
    stage.platforms.denied.add(ROLE)
    stage.run(5)
    truth = stage.world.truth()["refund-1"]
    assert (truth["actions"], truth["denied"], truth["running"]) == (5, 5, 1)
    stage.platforms.denied.clear()
    stage.run(5)
    assert stage.actions() == 10


def test_a_flag_stops_new_tasks_but_not_the_one_under_way(stage):
    stage.world.instance_started("refund-1", "pod-a", identity=ROLE)
    stage.run(4)  # one task of three ticks, and the first tick of the second
    stage.platforms.off.add("refund-1-enabled")
    stage.run(10)
    assert stage.actions() == 6
    stage.platforms.off.clear()
    stage.run(3)
    assert stage.actions() == 9


def test_a_denied_call_ends_the_task_so_that_the_flag_is_asked_again(stage):
    stage.world.instance_started("refund-1", "pod-a", identity=ROLE)
    stage.run(1)
    stage.platforms.denied.add(ROLE)
    stage.run(1)
    stage.platforms.denied.clear()
    stage.platforms.off.add("refund-1-enabled")
    stage.run(5)
    assert stage.actions() == 1


def test_the_version_that_was_evaluated_is_told(stage):
    stage.world.instance_started("refund-1", "pod-a", identity=ROLE)
    stage.run(1)
    stage.platforms.version = 7
    stage.run(1)
    assert stage.world.truth()["refund-1"]["flag_version"] == 1  # the task under way does not ask
    stage.run(3)
    assert stage.world.truth()["refund-1"]["flag_version"] == 7
    assert stage.platforms.evaluations == 2


def test_an_agent_with_a_role_and_no_credentials_cannot_act(stage):
    stage.world.instance_started("refund-1", "pod-a", identity=None)
    stage.run(5)
    assert stage.actions() == 0


def test_an_agent_without_role_and_flag_acts_as_long_as_it_runs():
    stage = Stage(replace(SPEC, role=None, flag=None))
    stage.world.instance_started("refund-1", "pod-a", identity=None)
    stage.run(5)
    assert stage.actions() == 5
    assert stage.platforms.evaluations == 0


def test_agents_without_a_process_layer_act_until_credentials_or_flag_forbid():
    both = replace(SPEC, runtime=Runtime.NONE)
    flag_only = replace(SPEC, name="refund-2", runtime=Runtime.NONE, role=None, flag="refund-2-enabled")
    stage = Stage(both, flag_only, replace(SPEC, name="refund-3", role=None, flag=None))
    stage.world.start_unreachable()
    stage.run(6)
    assert [stage.actions(f"refund-{number}") for number in (1, 2, 3)] == [6, 6, 0]
    stage.platforms.denied.add(ROLE)
    stage.platforms.off.add("refund-2-enabled")
    stage.run(6)
    assert [stage.actions(f"refund-{number}") for number in (1, 2)] == [6, 6]
    assert stage.world.truth()["refund-1"]["running"] == 1


def test_a_function_does_not_outlive_its_timeout_even_if_nobody_ends_it():
    stage = Stage(replace(SPEC, runtime=Runtime.LAMBDA))
    stage.world.instance_started("refund-1", "invocation", identity=ROLE, within=3)
    stage.run(10)
    assert stage.actions() == 3


def test_an_agent_nobody_drew_acts_too():
    stage = Stage()
    stage.world.instance_started("newcomer", "pod-a", identity=ROLE)
    stage.run(3)
    assert stage.actions("newcomer") == 3
    stage.platforms.denied.add(ROLE)
    stage.run(3)
    assert stage.actions("newcomer") == 3


def test_after_a_stall_an_instance_acts_once_and_is_stamped_late(stage):
    stage.world.instance_started("refund-1", "pod-a", identity=ROLE)
    stage.run(60, beat=60)
    assert stage.actions() == 1
    assert stage.world.truth()["refund-1"]["last_action_at"] == rfc3339(stage.clock.now())


def test_many_due_instances_let_others_have_a_turn(stage):
    for number in range(10):
        stage.world.instance_started("refund-1", f"pod-{number}", identity=ROLE)
    stage.clock.advance(1)
    assert stage.world.step(6)
    assert stage.actions() == 6
    assert not stage.world.step(6)
    assert stage.actions() == 10


EVENTS = st.lists(st.sampled_from(["start", "end", "deny", "allow", "off", "on", "pass"]), min_size=1, max_size=40)


@given(events=EVENTS, seed=st.integers(0, 1000))
def test_whoever_may_not_act_does_not(events, seed):
    stage = Stage(SPEC)
    stage.world = World([SPEC], clock=stage.clock, rng=random.Random(seed))
    stage.world.connect(credentials=stage.platforms, capability=stage.platforms)
    changes = {
        "start": lambda: stage.world.instance_started("refund-1", "pod-a", identity=ROLE),
        "end": lambda: stage.world.instance_ended("pod-a"),
        "deny": lambda: stage.platforms.denied.add(ROLE),
        "allow": stage.platforms.denied.clear,
        "off": lambda: stage.platforms.off.add("refund-1-enabled"),
        "on": stage.platforms.off.clear,
        "pass": lambda: None,
    }
    quiet_since_off = 0
    for event in events:
        changes[event]()
        before = stage.actions()
        stage.run(1)
        acted = stage.actions() - before
        running = stage.world.truth()["refund-1"]["running"] == 1
        if not running or stage.platforms.denied:
            assert acted == 0
        quiet_since_off = quiet_since_off + 1 if stage.platforms.off else 0
        if quiet_since_off > SPEC.ticks_per_task:
            assert acted == 0
        if running and not stage.platforms.denied and not stage.platforms.off:
            assert acted == 1
