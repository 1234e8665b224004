"""What stops serving when a target is halted: an index, held to the plain definition."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from killswitch_console.halting.plan import Protection, choose
from killswitch_inventory.agents import How
from killswitch_inventory.dependence import Dependence
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.scopes import Scope
from killswitch_inventory.sightings import Claim, TargetGone, TargetSighting
from killswitch_inventory.targets import Layer, TargetId

NAMES = "abcdef"


def flag(name: str) -> TargetId:
    return TargetId.parse(f"launchdarkly:prod/{name}")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES)))))
def test_dependants_are_all_that_reach_it_whatever_was_put_before(steps: list[tuple[str, set[str]]]) -> None:
    index, last = Dependence(), dict[str, set[str]]()
    for name, needs in steps:
        index.put(flag(name), map(flag, needs))
        last[name] = needs
    for name in NAMES:
        assert index.dependants(flag(name)) == {flag(other) for other in reaching(name, last)}


def reaching(name: str, needs: dict[str, set[str]]) -> set[str]:
    """By repeating the definition until nothing is added."""
    found: set[str] = set()
    while more := {other for other, wanted in needs.items() if wanted & (found | {name})} - found:
        found |= more
    return found - {name}


def sighted(name: str, agent: str = "", needs: tuple[str, ...] = ()) -> TargetSighting:
    claims = (Claim(How.TAG, agent, "refund", "acme"),) if agent else ()
    return TargetSighting(
        target=flag(name),
        layer=Layer.CAPABILITY,
        kind="flag",
        seen_at=datetime.now(UTC),
        claims=claims,
        needs=tuple(map(flag, needs)),
    )


async def test_agents_of_dependent_flags_are_collateral_and_protected_with_them() -> None:
    fleet = Fleet()
    for seen in (sighted("base", "one"), sighted("middle", needs=("base",)), sighted("top", "two", ("middle",))):
        fleet.fold(seen)
    choice = await choose(fleet, Scope.parse("agent:one"), Protection())
    [collateral] = choice.collateral
    assert (collateral.target, [key.name for key in collateral.agents]) == (flag("base"), ["two"])
    assert not (await choose(fleet, Scope.parse("agent:two"), Protection())).collateral
    for protection in (Protection(agents=frozenset({"two"})), Protection(targets=frozenset({str(flag("top"))}))):
        guarded = await choose(fleet, Scope.parse("agent:one"), protection)
        assert guarded.targets == {}
        assert "protected" in guarded.untouched[0].reason
    fleet.fold(TargetGone(flag("middle"), datetime.now(UTC)))
    assert not (await choose(fleet, Scope.parse("agent:one"), Protection())).collateral


async def test_an_agent_with_a_flag_only_is_named_as_such() -> None:
    fleet = Fleet()
    fleet.fold(sighted("base", "one"))
    [left] = (await choose(fleet, Scope.parse("class:refund"), Protection())).untouched
    assert left.reason.startswith("only a flag stops it")
