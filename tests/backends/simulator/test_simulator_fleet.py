"""The fleet that a seed makes."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from killswitch_backends.simulator.fleet import NAMESPACES, TENANTS, make_fleet
from killswitch_backends.simulator.seams import Runtime

NUMBERS = {"agents": st.integers(0, 300), "seed": st.integers(), "uncovered": st.integers(0, 20)}


@given(**NUMBERS)
def test_same_numbers_make_the_same_fleet(agents, seed, uncovered):
    first = make_fleet(agents=agents, seed=seed, uncovered=uncovered)
    assert first == make_fleet(agents=agents, seed=seed, uncovered=uncovered)


def test_another_seed_makes_another_fleet():
    assert make_fleet(agents=60, seed=1) != make_fleet(agents=60, seed=2)


def test_uncovered_agents_are_added_to_the_same_fleet():
    assert make_fleet(agents=60, seed=1, uncovered=5)[:60] == make_fleet(agents=60, seed=1)


@given(**NUMBERS)
def test_counts_are_kept(agents, seed, uncovered):
    fleet = make_fleet(agents=agents, seed=seed, uncovered=uncovered)
    assert len(fleet) == agents + uncovered
    covered = [spec for spec in fleet if spec.runtime is not Runtime.NONE and spec.role and spec.flag]
    assert len(covered) == agents


@given(**NUMBERS)
def test_nothing_is_shared(agents, seed, uncovered):
    fleet = make_fleet(agents=agents, seed=seed, uncovered=uncovered)
    for attribute in ("name", "role", "flag"):
        values = [value for spec in fleet if (value := getattr(spec, attribute)) is not None]
        assert max(Counter(values).values(), default=1) == 1


@given(**NUMBERS)
def test_every_agent_is_sound(agents, seed, uncovered):
    for spec in make_fleet(agents=agents, seed=seed, uncovered=uncovered):
        assert re.fullmatch(r"[a-z]+-[0-9]+", spec.name)
        assert spec.name.rpartition("-")[0] == spec.agent_class in NAMESPACES
        assert spec.tenant in TENANTS
        assert bool(spec.namespace) == (spec.runtime is Runtime.KUBERNETES)
        assert 1 <= spec.replicas <= 3
        assert spec.grace in (1, 2, 3)
        assert 1 <= spec.timeout <= 3
        assert 0.5 <= spec.tick <= 1.0
        assert spec.role or spec.flag


@given(agents=st.integers(10, 400), seed=st.integers())
def test_platforms_classes_and_tenants_all_have_members(agents, seed):
    fleet = make_fleet(agents=agents, seed=seed)
    functions = sum(spec.runtime is Runtime.LAMBDA for spec in fleet)
    assert functions == pytest.approx(0.3 * agents, abs=1)
    assert {spec.agent_class for spec in fleet} == set(NAMESPACES)
    assert {spec.tenant for spec in fleet} == set(TENANTS)


@given(seed=st.integers())
def test_every_way_of_lacking_a_layer_occurs(seed):
    lacking = {
        (spec.runtime, spec.role is None, spec.flag is None) for spec in make_fleet(agents=0, seed=seed, uncovered=3)
    }
    assert lacking == {
        (Runtime.NONE, False, False),
        (Runtime.KUBERNETES, True, False),
        (Runtime.NONE, True, False),
    }


def test_a_large_fleet_works_no_more_than_a_small_one():
    def actions_per_second(agents):
        return sum(spec.replicas / spec.tick for spec in make_fleet(agents=agents, seed=1))

    assert actions_per_second(5000) == pytest.approx(actions_per_second(1000), rel=0.1)
    assert all(spec.timeout >= spec.tick for spec in make_fleet(agents=5000, seed=1))


@pytest.mark.parametrize("numbers", [{"agents": -1}, {"agents": 1, "uncovered": -1}])
def test_negative_numbers_are_refused(numbers):
    with pytest.raises(ValueError, match="fewer than zero"):
        make_fleet(seed=1, **numbers)
