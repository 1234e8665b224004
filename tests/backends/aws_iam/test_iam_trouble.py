"""IAM when things go wrong: full quotas, lost answers, the operator's own role, service-linked roles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aws_asking import captured, halted, listed, met, opened, order, patiently, seen
from aws_servers import Names, Server
from killswitch_backends.aws_iam import KIND
from killswitch_backends.aws_iam.chaining import TrustGraph
from killswitch_backends.aws_iam.denial import POLICY_NAME, denial, denies_all, halt_in, sid_in, sid_of
from killswitch_backends.aws_iam.entities import Entity, Kind, Ref
from killswitch_backends.aws_iam.planning import plan_of
from killswitch_backends.problems import Refused, Unreachable
from killswitch_backends.protocol import Grade, Identity, Sight
from killswitch_inventory.sightings import TargetSighting
from killswitch_inventory.targets import BackendRef, TargetId


@pytest.fixture
def faults(simulator: Server) -> Iterator[Any]:
    """The simulator's faults, lifted after the test."""
    yield simulator.sim.faults
    simulator.sim.faults.clear()


@pytest.fixture
def name(simulator: Server) -> str:
    name = Names.new("role")
    simulator.make_role(name)
    return name


def a_role(name: str, *, path: str = "/agents/", account: str = "111122223333", **more: Any) -> Entity:
    arn = f"arn:aws:iam::{account}:role{path}{name}"
    empty: frozenset[str] = frozenset()
    fields = {"ref": Ref(Kind.ROLE, name), "arn": arn, "path": path, "inline": empty, "attached": empty, "deny": None}
    return Entity(**{**fields, "tags": {}, "read_at": datetime.now(UTC), **more})


async def test_a_full_inline_quota_is_answered_with_the_managed_deny(simulator: Server, name: str) -> None:
    iam = simulator.client("iam")
    statement = {"Effect": "Allow", "Action": "sqs:*", "Resource": ["x" * 95] * 100}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
    iam.put_role_policy(RoleName=name, PolicyName="big", PolicyDocument=document + "")
    padding = 10_240 - len(document) - 20
    if padding > 120:
        filler = {"Effect": "Allow", "Action": "sqs:*", "Resource": "y" * (padding - 110)}
        more = json.dumps({"Version": "2012-10-17", "Statement": [filler]}, separators=(",", ":"))
        iam.put_role_policy(RoleName=name, PolicyName="more", PolicyDocument=more)
    async with opened(KIND, simulator.table(propagation_seconds=0)) as backend:
        watch = await halted(backend, f"role/{name}")
        assert watch.accepted.halted["by"] == "managed"
        attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        assert [one["PolicyName"] for one in attached] == ["AWSDenyAll"]
        await seen(backend, watch, Sight.STOPPED)
        lost = replace(watch, accepted=replace(watch.accepted, halted={}))  # as after a crash before the answer
        await patiently(lambda: backend.restore(lost, order()))
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []


async def test_a_change_whose_answer_was_lost_is_repeated_without_harm(
    simulator: Server, faults: Any, name: str
) -> None:
    async with opened(KIND, simulator.table(propagation_seconds=0)) as backend:
        before = await captured(backend, TargetId(backend.ref, f"role/{name}"))
        faults.add(operation="iam.PutRolePolicy", kind="reset-after-apply", count=1)
        assert isinstance(await met(simulator, lambda: backend.halt(before, order())), Unreachable)
        await patiently(lambda: backend.halt(before, order()))
    assert simulator.client("iam").list_role_policies(RoleName=name)["PolicyNames"] == [POLICY_NAME]


async def test_a_mark_that_is_refused_does_not_fail_the_halt_and_is_said(
    simulator: Server, faults: Any, name: str
) -> None:
    faults.add(operation="iam.TagRole", kind="error", status=403, code="AccessDenied")
    async with opened(KIND, simulator.table(propagation_seconds=1)) as backend:
        watch = await halted(backend, f"role/{name}", halt_id="h-7")
        assert "no halt mark" in (await seen(backend, watch, Sight.STOPPED)).note
        again = await captured(backend, watch.target)  # the deny itself still tells whose it is
        assert again.marked_by == "h-7"
        assert _halt_seen((await listed(backend))[f"role/{name}"]) == "h-7"
        await patiently(lambda: backend.restore(watch, order("h-7")))


def _halt_seen(sighting: TargetSighting) -> str:
    return sighting.mark.halt_id if sighting.mark else ""


async def test_a_group_shows_its_halt_by_the_deny_and_says_so_where_even_that_cannot(
    simulator: Server, faults: Any
) -> None:
    name, iam = Names.new("group"), simulator.client("iam")
    iam.create_group(GroupName=name, Path="/agents/")
    async with opened(KIND, simulator.table(propagation_seconds=0)) as backend:
        watch = await halted(backend, f"group/{name}", halt_id="h-20261122-163000-ab12")
        assert _halt_seen((await listed(backend))[f"group/{name}"]) == "h-20261122-163000-ab12"
        await patiently(lambda: backend.restore(watch, order("h-20261122-163000-ab12")))
        faults.add(operation="iam.PutGroupPolicy", kind="error", status=409, code="LimitExceeded", count=1)
        watch = await halted(backend, f"group/{name}", halt_id="h-2")
        assert watch.accepted.halted["by"] == "managed"
        assert "no halt mark: IAM cannot tag groups" in watch.accepted.detail
        assert "only this bastion's ledger knows it" in (await seen(backend, watch, Sight.STOPPED)).note
        await patiently(lambda: backend.restore(watch, order("h-2")))
    assert iam.list_attached_group_policies(GroupName=name)["AttachedPolicies"] == []


async def test_without_the_account_wide_listing_roles_are_listed_one_by_one(
    simulator: Server, faults: Any, name: str
) -> None:
    simulator.client("iam").tag_role(RoleName=name, Tags=[{"Key": "agent", "Value": "found"}])
    faults.add(operation="iam.GetAccountAuthorizationDetails", kind="error", status=403, code="AccessDenied")
    async with opened(KIND, simulator.table()) as backend:
        sighting = (await listed(backend))[f"role/{name}"]
    assert [claim.agent for claim in sighting.claims] == ["found"]


async def test_a_missing_right_is_named(simulator: Server, faults: Any, name: str) -> None:
    faults.add(operation="iam.PutRolePolicy", kind="error", status=403, code="AccessDenied")
    async with opened(KIND, simulator.table()) as backend:
        before = await captured(backend, TargetId(backend.ref, f"role/{name}"))
        with pytest.raises(Refused, match="iam:PutRolePolicy"):
            await patiently(lambda: backend.halt(before, order()))


TARGET = TargetId(BackendRef("iam", "prod"), "role/oncall")


@pytest.mark.parametrize(
    ("caller", "locked"),
    [
        (Identity("arn:aws:sts::111122223333:assumed-role/oncall/ada", "111122223333"), True),
        (
            Identity("arn:aws:iam::111122223333:user/ada", "111122223333", ("arn:aws:iam::111122223333:role/oncall",)),
            True,
        ),
        (Identity("arn:aws:sts::999999999999:assumed-role/oncall/ada", "999999999999"), False),
        (Identity("arn:aws:iam::111122223333:user/oncall", "111122223333"), False),
        (Identity("arn:aws:sts::111122223333:assumed-role/other/oncall", "111122223333"), False),
    ],
)
def test_the_operators_own_role_is_never_denied(caller: Identity, locked: bool) -> None:
    assert (plan_of(TARGET, a_role("oncall"), caller).lockout is not None) is locked


def test_a_service_linked_role_is_unsupported() -> None:
    caller = Identity("arn:aws:iam::111122223333:user/ada", "111122223333")
    role = a_role("AWSServiceRoleForX", path="/aws-service-role/x.amazonaws.com/")
    assert plan_of(TARGET, role, caller).unsupported is not None


def test_a_deny_is_known_by_its_sid_and_only_if_it_denies_everything() -> None:
    document = json.loads(denial("halt-2026/11"))
    assert sid_in(document) == sid_of("halt-2026/11")
    assert sid_of("halt-2026/11").isalnum()
    assert halt_in(sid_of("halt-2026/11Z")) == "halt-2026/11Z"
    assert denies_all(document)
    weakened = json.loads(json.dumps(document).replace('"Action": "*"', '"Action": "s3:*"'))
    assert not denies_all(weakened)
    assert sid_in(weakened) is None
    conditional = {"Statement": [document["Statement"][0] | {"Condition": {"Bool": {"x": "true"}}}]}
    assert not denies_all(conditional)


def trusting(*principals: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


MAY_ASSUME = {"Statement": {"Effect": "Allow", "Action": ["sts:Assume*"], "Resource": "*"}}
ROOT = "arn:aws:iam::111122223333:root"


def test_sessions_in_other_roles_are_a_risk_only_where_the_graph_shows_a_way() -> None:
    agent = a_role("agent", documents=(MAY_ASSUME,))
    quiet = a_role("quiet")
    named = a_role("named", trust=trusting(agent.arn))
    open_to_account = a_role("open", trust=trusting(ROOT))
    service_only = a_role("service", trust={"Statement": {"Effect": "Allow", "Principal": {"Service": "x"}}})
    graph = TrustGraph([agent, quiet, named, open_to_account, service_only])
    assert [role.name for role in graph.reachable(agent)] == ["named", "open"]
    assert graph.reachable(quiet) == []
    assert "named, open" in graph.risk(agent, halted_too=frozenset())
    assert "named" not in graph.risk(agent, halted_too=frozenset({named.arn}))
    assert graph.risk(agent, halted_too=frozenset({named.arn, open_to_account.arn})) == ""


async def test_a_probe_proves_the_deny_by_being_refused(simulator: Server) -> None:
    name = Names.new("role")
    iam, trust = simulator.client("iam"), json.dumps(trusting(ROOT))
    iam.create_role(RoleName=name, Path="/agents/", AssumeRolePolicyDocument=trust)
    reading = {"Statement": [{"Effect": "Allow", "Action": "tag:GetResources", "Resource": "*"}]}
    iam.put_role_policy(
        RoleName=name, PolicyName="work", PolicyDocument=json.dumps({"Version": "2012-10-17", **reading})
    )
    async with opened(KIND, simulator.table(propagation_seconds=5, probe=True)) as backend:
        watch = await halted(backend, f"role/{name}")
        proof = await seen(backend, watch, Sight.STOPPED)
        assert proof.evidence is not None
        assert proof.evidence.grade is Grade.OBSERVED
        assert "explicit deny" in proof.evidence.detail
        await patiently(lambda: backend.restore(watch, order()))


async def test_a_role_that_the_probe_may_not_assume_is_bounded_and_says_so(simulator: Server, name: str) -> None:
    async with opened(KIND, simulator.table(propagation_seconds=0, probe=True)) as backend:
        proof = await seen(backend, await halted(backend, f"role/{name}"), Sight.STOPPED)
    assert proof.evidence is not None
    assert proof.evidence.grade is Grade.BOUNDED
    assert "no probe" in proof.note


async def test_a_group_of_the_operator_is_a_lockout(simulator: Server) -> None:
    async with opened(KIND, simulator.table()) as backend:
        own, other = await backend.preflight(
            [TargetId(backend.ref, path) for path in ("group/killswitch-operators", "user/killswitch-operator")]
        )
    assert own.lockout is not None
    assert other.lockout is not None
