from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from killswitch_backends.launchdarkly.flags import claims, mark_key, mark_values, read_flag
from killswitch_backends.protocol import LabelKeys, Order
from killswitch_inventory.agents import How
from killswitch_inventory.sightings import Claim

LABELS = LabelKeys()


def claim(agent: str | None, agent_class: str | None = None, tenant: str | None = None) -> Claim:
    return Claim(How.TAG, agent, agent_class, tenant)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["agent"], ()),
        (["agent", "agent:a"], (claim("a"),)),
        (["agent", "agent:a", "agent-class:c", "agent-tenant:t"], (claim("a", "c", "t"),)),
        (["agent", "agent-class:c"], (claim(None, "c"),)),
        (["agent-class:c", "agent-class:d", "agent-tenant:t"], (claim(None, "c", "t"), claim(None, "d", "t"))),
        (["agent:a", "agent:b", "agent-class:c"], (claim("a", "c"), claim("b", "c"))),
        (["agent:a", "agent:b", "agent-class:c", "agent-class:d"], (claim("a"), claim("b"))),
        (["agent.a", "agent-class.c"], (claim("a", "c"),)),
        (["agent:", "agents:a", "agent-tenant:t"], ()),
    ],
)
def test_tags_claim_agents_and_classes(tags: list[str], expected: tuple[Claim, ...]) -> None:
    assert claims(tags, LABELS) == expected


def test_keys_of_the_configuration_are_used() -> None:
    labels = LabelKeys(agent="bot", agent_class="bot-kind", tenant="team")
    assert claims(["bot:x", "bot-kind:k", "team:t", "agent:y"], labels) == (claim("x", "k", "t"),)


def wire(*, values: list[Any] | None = None, **targeting: Any) -> dict[str, Any]:
    properties = {} if values is None else {mark_key("production"): {"name": "n", "value": values}}
    return {
        "key": "f",
        "variations": [{"value": True}, {"value": False}],
        "customProperties": properties,
        "environments": {"production": {"on": False, "version": 7, "offVariation": 1, **targeting}},
    }


@given(
    halt_id=st.text(st.characters(codec="utf-8"), min_size=1),
    invoker=st.text(st.characters(codec="utf-8")),
    on=st.booleans(),
    version=st.integers(0, 2**31),
    order=st.randoms(),
)
def test_a_mark_is_read_as_it_was_written(halt_id: str, invoker: str, on: bool, version: int, order: Any) -> None:
    values = mark_values(Order(halt_id, invoker, "r", datetime.now(UTC)), {"on": on, "version": version})
    order.shuffle(values)
    mark = read_flag(wire(values=values), "production").mark
    assert mark is not None
    assert (mark.halt.halt_id, mark.was_on, mark.version) == (halt_id, on, version)
    assert mark.halt.invoker == invoker[:100]


@given(values=st.lists(st.one_of(st.text(), st.integers(), st.none())))
def test_whatever_people_write_into_the_property_is_no_mark_or_a_whole_one(values: list[Any]) -> None:
    mark = read_flag(wire(values=values), "production").mark
    assert mark is None or mark.halt.halt_id


def test_the_prior_state_of_a_marked_flag_is_what_the_mark_recorded() -> None:
    flag = read_flag(wire(values=["halt:H1", "was:on", "version:5"]), "production")
    assert (flag.prior()["on"], flag.prior()["version"]) == (True, 5)
    assert (flag.fields()["on"], flag.fields()["version"]) == (False, 7)


@pytest.mark.parametrize("off", [None, -1, 2])
def test_an_off_variation_that_is_none_serves_nothing(off: int | None) -> None:
    assert read_flag(wire(offVariation=off), "production").off_variation is None


@pytest.mark.parametrize("body", [None, {}, {"key": "f"}, {"key": "f", "environments": {"production": {"on": "x"}}}])
def test_what_is_no_flag_is_an_error(body: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_flag(body, "production")
