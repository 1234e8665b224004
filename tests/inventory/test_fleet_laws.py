"""What must hold of the fleet whatever the platforms report, in whatever order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from killswitch_inventory.agents import Agent, AgentKey, Binding, How
from killswitch_inventory.fleet import Declaration, Fleet, Touched
from killswitch_inventory.scopes import Scope
from killswitch_inventory.sightings import (
    Claim,
    HaltMark,
    ListingComplete,
    ListingStarted,
    RunsAs,
    Sighting,
    SightingFailed,
    TargetGone,
    TargetSighting,
)
from killswitch_inventory.targets import BackendRef, Layer, TargetId

AT = datetime(2027, 1, 15, tzinfo=UTC)
BACKENDS = {
    BackendRef("kubernetes", "prod"): Layer.PROCESS,
    BackendRef("lambda", "prod"): Layer.PROCESS,
    BackendRef("iam", "prod"): Layer.CREDENTIAL,
    BackendRef("iam", "mirror"): Layer.CREDENTIAL,
    BackendRef("launchdarkly", "prod"): Layer.CAPABILITY,
}
LAYERS = {ref.kind: layer for ref, layer in BACKENDS.items()}
NAMES, CLASSES, TENANTS = ("one", "two"), ("refund", "triage"), ("acme", "globex")
ARNS = ("arn:1", "arn:2")
DECLARED = (
    Declaration(AgentKey("refund", "acme", "one"), (TargetId(BackendRef("iam", "prod"), "x"),)),
    Declaration(AgentKey("legacy", "acme", "old"), (TargetId(BackendRef("lambda", "prod"), "y"),)),
)

claims = st.builds(
    Claim,
    how=st.sampled_from([How.LABEL, How.TAG]),
    agent=st.sampled_from([None, *NAMES]),
    agent_class=st.sampled_from([None, *CLASSES]),
    tenant=st.sampled_from([None, *TENANTS]),
)


@st.composite
def seen(draw: st.DrawFn, ref: BackendRef) -> TargetSighting:
    layer = BACKENDS[ref]
    return TargetSighting(
        target=TargetId(ref, draw(st.sampled_from("xyz"))),
        layer=layer,
        kind="thing",
        seen_at=AT + timedelta(seconds=draw(st.integers(0, 5))),
        claims=tuple(draw(st.lists(claims, max_size=2))),
        identity=draw(st.sampled_from([None, *ARNS])) if layer is Layer.CREDENTIAL else None,
        runs_as=tuple(
            RunsAs(arn, How.IRSA)
            for arn in draw(st.lists(st.sampled_from(ARNS), max_size=2, unique=True))
            if layer is Layer.PROCESS
        ),
        concurrency=draw(st.integers(0, 3)),
        mark=draw(st.sampled_from([None, HaltMark("h", "me", "now")])),
    )


@st.composite
def streams(draw: st.DrawFn) -> list[list[Sighting]]:
    """For each backend what it reports, in its own order: listings, changes, failures, listings again."""
    found: list[list[Sighting]] = []
    for ref in BACKENDS:
        stream: list[Sighting] = []
        for _ in range(draw(st.integers(0, 2))):
            stream.append(ListingStarted(ref, AT))
            stream += draw(st.lists(seen(ref), max_size=3))
            stream.append(draw(st.sampled_from([ListingComplete(ref, AT), SightingFailed(ref, AT, "lost")])))
            changes = st.one_of(
                seen(ref), st.builds(TargetGone, st.builds(TargetId, st.just(ref), st.sampled_from("xyz")), st.just(AT))
            )
            stream += draw(st.lists(changes, max_size=3))
        found.append(stream)
    return found


def interleaved(draw: st.DataObject, parts: list[list[Sighting]]) -> list[Sighting]:
    """The streams as one, each in its own order."""
    turns = [number for number, part in enumerate(parts) for _ in part]
    order = draw.draw(st.permutations(turns))
    heads = [iter(part) for part in parts]
    return [next(heads[number]) for number in order]


def new_fleet() -> Fleet:
    return Fleet(declared=DECLARED, backends=BACKENDS, layers=LAYERS)


def view(fleet: Fleet) -> dict[AgentKey, Agent]:
    return {agent.key: agent for agent in fleet.agents(Scope.parse("global"))}


@settings(max_examples=60, deadline=None)
@given(parts=streams(), data=st.data())
def test_any_interleaving_gives_the_same_fleet(parts: list[list[Sighting]], data: st.DataObject) -> None:
    fleets = []
    for sightings in (interleaved(data, parts), interleaved(data, parts)):
        fleet = new_fleet()
        for sighting in sightings:
            fleet.fold(sighting)
        fleets.append(fleet)
    first, second = fleets
    assert {key: unordered(agent) for key, agent in view(first).items()} == {
        key: unordered(agent) for key, agent in view(second).items()
    }
    for target in all_targets(first):
        assert first.agents_of(target) == second.agents_of(target)
    for key in first.keys():  # noqa: SIM118  (a fleet is no mapping)
        assert first.unseen_identities(key) == second.unseen_identities(key)
    assert len(first) == len(second) == len(view(first))
    assert [(v.ref, v.sightedness) for v in first.backends] == [(v.ref, v.sightedness) for v in second.backends]


@settings(max_examples=60, deadline=None)
@given(parts=streams(), data=st.data())
def test_touched_names_every_agent_whose_view_changed(parts: list[list[Sighting]], data: st.DataObject) -> None:
    fleet = new_fleet()
    before = view(fleet)
    for sighting in interleaved(data, parts):
        touched = fleet.fold(sighting)
        after = view(fleet)
        assert {key for key in after if after[key] != before.get(key)} <= touched.agents
        assert before.keys() - after.keys() <= touched.gone
        assert not touched.gone & after.keys()
        assert touched.agents <= after.keys()
        before = after


@settings(max_examples=60, deadline=None)
@given(parts=streams(), data=st.data())
def test_bindings_and_agents_of_agree_with_each_other_and_with_the_rules(
    parts: list[list[Sighting]], data: st.DataObject
) -> None:
    fleet = new_fleet()
    for sighting in interleaved(data, parts):
        fleet.fold(sighting)
    agents = view(fleet)
    sighted = {t: s for t in all_targets(fleet) if (s := fleet.target(t))}
    for key, agent in agents.items():
        assert {b.target for b in agent.bindings} == set(bound_by_the_rules(key, agents.keys(), sighted))
        assert len({b.target for b in agent.bindings}) == len(agent.bindings)
        assert fleet.targets_of(key) == {b.target for b in agent.bindings}
    for target in all_targets(fleet):
        bound = {key for key, agent in agents.items() if target in {b.target for b in agent.bindings}}
        assert fleet.agents_of(target) == bound


def bound_by_the_rules(
    key: AgentKey, keys: Iterable[AgentKey], sighted: dict[TargetId, TargetSighting]
) -> Iterable[TargetId]:
    """An agent's targets, worked out slowly from all that is seen."""
    direct = {target for declaration in DECLARED if declaration.key == key for target in declaration.targets}
    founded = {AgentKey(d.key.agent_class, d.key.tenant, d.key.name) for d in DECLARED}
    for one in sighted.values():
        founded |= {found for claim in one.claims if (found := whole(one, claim))}
    for target, one in sighted.items():
        for claim in one.claims:
            named = whole(one, claim)
            if named:
                fits = named == key
            elif claim.agent:
                lonely = key not in founded and not any(k.name == key.name for k in founded)
                fits = claim.agent == key.name and (
                    lonely or (claim.agent_class in (None, key.agent_class) and claim.tenant in (None, key.tenant))
                )
            else:
                fits = claim.agent_class is not None and claim.agent_class == key.agent_class and key in founded
            if fits:
                direct.add(target)
    arns = {r.identity for target in direct if target in sighted for r in sighted[target].runs_as}
    return direct | {target for target, one in sighted.items() if one.identity in arns}


def whole(one: TargetSighting, claim: Claim) -> AgentKey | None:
    if claim.agent and (one.layer is Layer.PROCESS or (claim.agent_class and claim.tenant)):
        return AgentKey(claim.agent_class or "unclassified", claim.tenant or "unassigned", claim.agent)
    return None


def unordered(agent: Agent) -> tuple[object, ...]:
    return agent.key, agent.health, agent.concurrency, frozenset(agent.bindings), agent.halted, agent.oldest_fact


def all_targets(fleet: Fleet) -> list[TargetId]:
    return [TargetId(ref, path) for ref in BACKENDS for path in "xyz"]


class TestTouched:
    def test_or_keeps_the_last_word(self) -> None:
        key = AgentKey("c", "t", "n")
        changed, gone = Touched(agents=frozenset({key})), Touched(gone=frozenset({key}))
        assert changed | gone == gone
        assert gone | changed == changed


def process(
    path: str, *, agent: str, agent_class: str = "refund", tenant: str = "acme", arn: str = ""
) -> TargetSighting:
    target = TargetId(BackendRef("kubernetes", "prod"), path)
    runs_as = (RunsAs(arn, How.IRSA),) if arn else ()
    claim = Claim(How.LABEL, agent, agent_class, tenant)
    return TargetSighting(
        target=target, layer=Layer.PROCESS, kind="Deployment", seen_at=AT, claims=(claim,), runs_as=runs_as
    )


def a_role(path: str, arn: str, *, backend: str = "prod") -> TargetSighting:
    target = TargetId(BackendRef("iam", backend), path)
    return TargetSighting(target=target, layer=Layer.CREDENTIAL, kind="role", seen_at=AT, identity=arn)


def folded(*sightings: Sighting) -> Fleet:
    fleet = Fleet(layers=LAYERS)
    for sighting in sightings:
        fleet.fold(sighting)
    return fleet


def test_one_name_in_two_classes_tenants_and_namespaces() -> None:
    fleet = folded(
        process("a/Deployment/x", agent="one"),
        process("b/Deployment/x", agent="one"),
        process("c/Deployment/x", agent="one", tenant="globex"),
        process("d/Deployment/x", agent="one", agent_class="triage"),
    )
    agents = fleet.agents(Scope.parse("agent:one"))
    assert [len(agent.bindings) for agent in agents] == [2, 1, 1]
    assert len({agent.key for agent in agents}) == 3


def test_a_shared_role_is_bound_to_both_whichever_is_seen_first() -> None:
    one, two = process("a", agent="one", arn="arn:1"), process("b", agent="two", arn="arn:1")
    shared = a_role("r", "arn:1")
    for order in ((one, two, shared), (shared, one, two), (one, shared, two)):
        fleet = folded(*order)
        assert {key.name for key in fleet.agents_of(shared.target)} == {"one", "two"}
        for agent in fleet.agents(Scope.parse("global")):
            assert Binding(shared.target, Layer.CREDENTIAL, How.IRSA) in agent.bindings
            assert agent.uncovered == ()
            assert fleet.unseen_identities(agent.key) == ()
        fleet.fold(TargetGone(shared.target, AT))
        assert all(fleet.unseen_identities(a.key) == ("arn:1",) for a in fleet.agents(Scope.parse("global")))


def test_one_role_seen_through_two_tables_is_two_targets() -> None:
    fleet = folded(process("a", agent="one", arn="arn:1"), a_role("r", "arn:1"), a_role("r", "arn:1", backend="mirror"))
    (agent,) = fleet.agents(Scope.parse("global"))
    assert agent.layers == (Layer.PROCESS, Layer.CREDENTIAL)
    assert len(agent.bindings) == 3


def test_an_orphan_becomes_the_agent_that_is_named_whole() -> None:
    name_only = TargetSighting(
        target=TargetId(BackendRef("iam", "prod"), "role/one"),
        layer=Layer.CREDENTIAL,
        kind="role",
        seen_at=AT,
        claims=(Claim(How.TAG, "one"),),
    )
    fleet = folded(name_only)
    (orphan,) = fleet.agents(Scope.parse("global"))
    assert orphan.uncovered == (Layer.PROCESS,)
    touched = fleet.fold(process("a", agent="one"))
    assert touched.gone == {orphan.key}
    (agent,) = fleet.agents(Scope.parse("global"))
    assert agent.uncovered == ()


def test_folding_costs_what_it_touches_not_the_size_of_the_fleet() -> None:
    costs = {size: work_of_one_more(size) for size in (1_000, 100_000)}
    assert costs[100_000] <= costs[1_000] * 1.5


def work_of_one_more(size: int) -> int:
    """Python function calls that one more sighting costs in a fleet of so many agents."""
    import sys

    fleet = folded(*(process(f"n/Deployment/{n}", agent=f"a{n}", arn=f"arn:{n}") for n in range(size)))
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        fleet.fold(process("n/Deployment/more", agent="more", arn="arn:1"))
        fleet.fold(a_role("r", "arn:2"))
        fleet.fold(TargetGone(TargetId(BackendRef("kubernetes", "prod"), "n/Deployment/more"), AT))
    finally:
        sys.setprofile(None)
    return calls
