"""The prepared organisation policy as the one-call global stop, against moto's Organizations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from aws_asking import captured, halted, listed, opened, order, patiently, seen
from aws_servers import STARTERS, Names, Server
from killswitch_backends.aws_iam import KIND, IamSettings
from killswitch_backends.aws_iam.backend import IamBackend
from killswitch_backends.aws_iam.organization import spares
from killswitch_backends.aws_iam.rights import needs
from killswitch_backends.protocol import Identity, Sight
from killswitch_console.halting.plan import Protection, choose
from killswitch_inventory.agents import How
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.scopes import Scope
from killswitch_inventory.sightings import Claim, TargetSighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId

ONCALL = "arn:aws:iam::123456789012:role/oncall"


def denying(*spared: str) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    if spared:
        statement["Condition"] = {"ArnNotLike": {"aws:PrincipalArn": list(spared)}}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with STARTERS["moto"](tmp_path_factory.mktemp("moto")) as running:
        running.client("organizations").create_organization(FeatureSet="ALL")
        yield running


def prepared(server: Server, content: dict[str, Any]) -> dict[str, Any]:
    """A table that names a policy prepared for a fresh account."""
    organization = server.client("organizations")
    name = Names.new("stop")
    policy = organization.create_policy(
        Name=name, Description="stop", Type="SERVICE_CONTROL_POLICY", Content=json.dumps(content)
    )["Policy"]["PolicySummary"]["Id"]
    made = organization.create_account(Email=f"{name}@example.invalid", AccountName=name)["CreateAccountStatus"]
    return server.table(propagation_seconds=0, scp={"policy_id": policy, "target_id": made["AccountId"]})


def attached(server: Server, table: dict[str, Any]) -> bool:
    found = server.client("organizations").list_targets_for_policy(PolicyId=table["scp"]["policy_id"])["Targets"]
    return table["scp"]["target_id"] in [one["TargetId"] for one in found]


async def test_it_is_attached_with_proof_seen_when_gone_and_detached_again(moto: Server) -> None:
    table = prepared(moto, denying())
    path = f"scp/{table['scp']['policy_id']}"
    async with opened(KIND, table) as backend:
        sighting = (await listed(backend))[path]
        assert sighting.stops_all
        assert not sighting.off
        (plan,) = await backend.preflight([TargetId(backend.ref, path)])
        assert plan.api_calls == 1
        assert plan.lockout is None  # it is meant for another account than the console's
        watch = await halted(backend, path)
        assert attached(moto, table)
        await seen(backend, watch, Sight.STOPPED)
        assert (await captured(backend, watch.target)).already_off
        scp = table["scp"]
        moto.client("organizations").detach_policy(PolicyId=scp["policy_id"], TargetId=scp["target_id"])
        await seen(backend, watch, Sight.ACTING)
        await backend.halt(watch.captured, order())
        await patiently(lambda: backend.restore(watch, order()))
    assert not attached(moto, table)


async def test_one_that_was_attached_before_stays(moto: Server) -> None:
    table = prepared(moto, denying())
    moto.client("organizations").attach_policy(PolicyId=table["scp"]["policy_id"], TargetId=table["scp"]["target_id"])
    async with opened(KIND, table) as backend:
        watch = await halted(backend, f"scp/{table['scp']['policy_id']}")
        await backend.restore(watch, order())
    assert attached(moto, table)


async def test_it_calls_what_its_policy_allows_and_nothing_else(moto: Server) -> None:
    table, made = prepared(moto, denying()), set()
    async with opened(KIND, table) as backend:
        assert isinstance(backend, IamBackend)
        client = await backend._aws.client("organizations")
        client.meta.events.register("before-call.organizations", lambda model, **_: made.add(model.name))
        path = f"scp/{table['scp']['policy_id']}"
        await listed(backend)
        await backend.preflight([TargetId(backend.ref, path)])
        watch = await halted(backend, path)
        await seen(backend, watch, Sight.STOPPED)
        await patiently(lambda: backend.restore(watch, order()))
    without = needs(IamSettings.model_validate({key: value for key, value in table.items() if key != "scp"}))
    more = {need.action for need in needs(IamSettings.model_validate(table))} - {need.action for need in without}
    assert {f"organizations:{name}" for name in made} == more


async def test_one_for_the_consoles_own_account_must_spare_it(moto: Server) -> None:
    table = prepared(moto, denying())
    own = moto.client("sts").get_caller_identity()["Account"]
    table["scp"] = table["scp"] | {"target_id": own}
    async with opened(KIND, table) as backend:
        (plan,) = await backend.preflight([TargetId(backend.ref, f"scp/{table['scp']['policy_id']}")])
    assert plan.lockout is not None


@pytest.mark.parametrize(
    ("content", "spared"),
    [
        (denying(), False),
        (denying("arn:aws:iam::123456789012:role/other"), False),
        (denying(ONCALL), True),
        (denying("arn:aws:iam::123456789012:role/ops/oncall"), True),
        (denying("arn:aws:iam::*:role/on*"), True),
        ({"Statement": [*denying(ONCALL)["Statement"], *denying()["Statement"]]}, False),
        ({}, False),
    ],
)
def test_a_policy_spares_the_operator_only_if_every_deny_does(content: dict[str, Any], spared: bool) -> None:
    session = "arn:aws:sts::123456789012:assumed-role/oncall/ada"
    assert spares(content, Identity(session, "123456789012", (ONCALL,))) is spared


async def test_only_a_global_halt_takes_it() -> None:
    iam, functions = BackendRef("iam", "prod"), BackendRef("lambda", "prod")
    fleet = Fleet(backends=[iam, functions])
    now = datetime.now(UTC)
    claim = Claim(How.TAG, agent="a", agent_class="c", tenant="t")
    stop = TargetId(iam, "scp/p-12345678")
    fleet.fold(
        TargetSighting(
            target=TargetId(functions, "f"), layer=Layer.PROCESS, kind="function", seen_at=now, claims=(claim,)
        )
    )
    fleet.fold(TargetSighting(target=stop, layer=Layer.CREDENTIAL, kind="policy", seen_at=now, stops_all=True))
    assert stop in (await choose(fleet, Scope.parse("global"), Protection())).targets
    assert stop not in (await choose(fleet, Scope.parse("class:c"), Protection())).targets
    assert stop not in (await choose(fleet, Scope.parse("global"), Protection(targets=frozenset({str(stop)})))).targets
