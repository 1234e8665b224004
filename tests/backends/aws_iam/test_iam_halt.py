"""Denying roles, proving it and taking it off again, on every server: what a person relies on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from aws_asking import captured, halted, listed, opened, order, patiently, seen
from aws_servers import Names, Server
from killswitch_backends.aws_iam import KIND
from killswitch_backends.aws_iam.denial import POLICY_NAME
from killswitch_backends.problems import Conflict, Gone, Refused
from killswitch_backends.protocol import Failure, Grade, Sight, Watch
from killswitch_inventory.targets import TargetId

WORK = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}
)  # fmt: skip


def make(server: Server, **tags: str) -> str:
    """A role with a policy of its own, for one test."""
    name = Names.new("role")
    server.make_role(name, tags=tags)
    server.client("iam").put_role_policy(RoleName=name, PolicyName="work", PolicyDocument=WORK)
    return name


def everything(server: Server, name: str) -> dict[str, Any]:
    """Every field a halt may touch, as AWS tells it."""
    iam = server.client("iam")
    inline = {
        policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    }
    attached = sorted(one["PolicyArn"] for one in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"])
    tags = {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]}
    return {"inline": inline, "attached": attached, "tags": tags}


def table(server: Server) -> dict[str, Any]:
    return server.table(propagation_seconds=1)


async def test_a_role_is_denied_with_proof_and_comes_back_field_by_field(server: Server) -> None:
    name = make(server, agent="refund-1")
    before = everything(server, name)
    async with opened(KIND, table(server)) as backend:
        watch = await halted(backend, f"role/{name}")
        (statement,) = everything(server, name)["inline"][POLICY_NAME]["Statement"]
        assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Deny", "*", "*")
        proof = await seen(backend, watch, Sight.STOPPED)
        assert proof.evidence is not None
        assert proof.evidence.grade is Grade.BOUNDED
        assert watch.accepted.bound is not None
        assert watch.accepted.bound <= proof.evidence.at
        restored = await patiently(lambda: backend.restore(watch, order()))
        assert "everything as before" in restored.evidence.detail
    assert everything(server, name) == before


async def test_a_halt_and_a_restore_can_be_repeated(server: Server) -> None:
    name = make(server)
    before = everything(server, name)
    async with opened(KIND, table(server)) as backend:
        watch = await halted(backend, f"role/{name}")
        assert (await backend.halt(watch.captured, order())).halted == watch.accepted.halted
        await patiently(lambda: backend.restore(watch, order()))
        await patiently(lambda: backend.restore(watch, order()))
    assert everything(server, name) == before


async def test_another_bastion_finds_the_halt_and_can_undo_it(server: Server) -> None:
    name = make(server, agent="a")
    before = everything(server, name)
    async with opened(KIND, table(server)) as backend:
        watch = await halted(backend, f"role/{name}", halt_id="halt-abc")
    async with opened(KIND, table(server)) as elsewhere:
        sighting = (await listed(elsewhere))[f"role/{name}"]
        assert sighting.off
        assert sighting.mark is not None
        assert (sighting.mark.halt_id, sighting.mark.invoker) == ("halt-abc", "os:ada")
        found = await captured(elsewhere, watch.target)
        assert found.marked_by == "halt-abc"
        assert found.prior == watch.captured.prior
        await patiently(lambda: elsewhere.restore(Watch(found, replace(watch.accepted, halted={})), order("halt-abc")))
    assert everything(server, name) == before


async def test_a_restore_leaves_a_deny_that_another_halt_has_taken_over(server: Server) -> None:
    name = make(server)
    async with opened(KIND, table(server)) as backend:
        first = await halted(backend, f"role/{name}", halt_id="first")
        second = await halted(backend, f"role/{name}", halt_id="second")
        assert second.captured.marked_by == "first"
        with pytest.raises(Conflict):
            await patiently(lambda: backend.restore(first, order("first")))
        assert POLICY_NAME in everything(server, name)["inline"]
        await patiently(lambda: backend.restore(second, order("second")))
    assert set(everything(server, name)["inline"]) == {"work"}


async def test_a_policy_of_that_name_that_no_halt_wrote_comes_back_as_it_was(server: Server) -> None:
    name = make(server)
    server.client("iam").put_role_policy(RoleName=name, PolicyName=POLICY_NAME, PolicyDocument=WORK)
    before = everything(server, name)
    async with opened(KIND, table(server)) as backend:
        watch = await halted(backend, f"role/{name}")
        assert watch.captured.marked_by is None
        await patiently(lambda: backend.restore(watch, order()))
    assert everything(server, name) == before


async def test_a_deny_that_somebody_removed_is_seen_and_asserted_again(server: Server) -> None:
    name = make(server)
    async with opened(KIND, server.table(propagation_seconds=0)) as backend:
        watch = await halted(backend, f"role/{name}")
        server.client("iam").delete_role_policy(RoleName=name, PolicyName=POLICY_NAME)
        assert "gone" in (await seen(backend, watch, Sight.ACTING)).note
        await patiently(lambda: backend.halt(watch.captured, order()))
    assert POLICY_NAME in everything(server, name)["inline"]


async def test_roles_are_sighted_under_the_path_only_with_claims_and_identity(server: Server) -> None:
    name, outside = make(server, agent="r-1", **{"agent-class": "refund"}), Names.new("outside")
    server.make_role(outside, path="/elsewhere/")
    async with opened(KIND, table(server)) as backend:
        found = await listed(backend)
    sighting = found[f"role/{name}"]
    assert [(claim.agent, claim.agent_class) for claim in sighting.claims] == [("r-1", "refund")]
    assert sighting.identity is not None
    assert sighting.identity.endswith(f":role/agents/{name}")
    assert not sighting.off
    assert f"role/{outside}" not in found


async def test_what_is_no_identity_is_refused_and_what_is_not_there_is_said(server: Server) -> None:
    async with opened(KIND, table(server)) as backend:
        targets = [
            TargetId(backend.ref, path) for path in ("policy/x", "role/agents/x", "role/never-was", "user/nobody")
        ]
        plans = await backend.preflight(targets)
        assert "is no identity" in plans[0].risks[0]
        assert "NoSuchEntity" in plans[2].risks[0]
        failures = {one.target.path: one async for one in backend.capture(targets, fresh=True)}
    kinds = {path: type(one.problem) for path, one in failures.items() if isinstance(one, Failure)}
    assert kinds == {"policy/x": Refused, "role/agents/x": Refused, "role/never-was": Gone, "user/nobody": Gone}


def a_user(server: Server, **tags: str) -> str:
    name = Names.new("user")
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    server.client("iam").create_user(UserName=name, Path="/agents/", Tags=pairs)
    server.client("iam").put_user_policy(UserName=name, PolicyName="work", PolicyDocument=WORK)
    return name


async def test_a_user_is_denied_and_comes_back_field_by_field(server: Server) -> None:
    name, iam = a_user(server, agent="u-1"), server.client("iam")
    async with opened(KIND, table(server)) as backend:
        sighting = (await listed(backend))[f"user/{name}"]
        assert (sighting.kind, [claim.agent for claim in sighting.claims]) == ("user", ["u-1"])
        watch = await halted(backend, f"user/{name}")
        assert set(iam.list_user_policies(UserName=name)["PolicyNames"]) == {"work", POLICY_NAME}
        await seen(backend, watch, Sight.STOPPED)
        await patiently(lambda: backend.restore(watch, order()))
    assert iam.list_user_policies(UserName=name)["PolicyNames"] == ["work"]
    assert [tag["Key"] for tag in iam.list_user_tags(UserName=name)["Tags"]] == ["agent"]


async def test_a_group_is_denied_for_its_users_and_comes_back(server: Server) -> None:
    group, user, iam = Names.new("group"), a_user(server), server.client("iam")
    iam.create_group(GroupName=group, Path="/agents/")
    iam.add_user_to_group(GroupName=group, UserName=user)
    async with opened(KIND, table(server)) as backend:
        (plan,) = await backend.preflight([TargetId(backend.ref, f"group/{group}")])
        assert "its 1 users" in plan.action
        watch = await halted(backend, f"group/{group}", halt_id="hgroup")
        await seen(backend, watch, Sight.STOPPED)
        assert (await captured(backend, watch.target)).marked_by == "hgroup"  # the deny names it: groups have no tags
        await patiently(lambda: backend.restore(watch, order("hgroup")))
    assert iam.list_group_policies(GroupName=group)["PolicyNames"] == []


async def test_a_tagged_role_elsewhere_is_sighted_too(server: Server) -> None:
    name = Names.new("role")
    server.make_role(name, path="/elsewhere/", tags={"agent": "far"})
    async with opened(KIND, table(server)) as backend:
        assert f"role/{name}" in await listed(backend)


async def test_many_roles_are_captured_as_one_by_one(server: Server) -> None:
    names = [make(server, agent=f"a-{number}") for number in range(27)]
    async with opened(KIND, table(server)) as backend:
        targets = [TargetId(backend.ref, f"role/{name}") for name in names]
        together = {one.target: one async for one in backend.capture(targets, fresh=True)}
        alone = await captured(backend, targets[3])
    assert set(together) == set(targets)
    bulk = together[targets[3]]
    assert not isinstance(bulk, Failure)
    assert bulk.prior == alone.prior
