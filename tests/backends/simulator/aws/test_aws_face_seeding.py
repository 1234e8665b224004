"""The account a fleet begins with."""

from __future__ import annotations

from random import Random

from aws_face import Stage, Strikes, eventually, function_agent, refused, serving, unlimited
from killswitch_backends.simulator.aws import AwsFace
from killswitch_backends.simulator.fleet import make_fleet
from killswitch_backends.simulator.seams import AgentSpec, Runtime

ROLE = "arn:aws:iam::111122223333:role/agents/"


def test_a_fleet_gets_its_functions_and_roles_and_there_are_some_of_nobody() -> None:
    fleet = make_fleet(agents=60, seed=7)
    on_lambda = {spec.name: spec for spec in fleet if spec.runtime is Runtime.LAMBDA}
    with serving(fleet, behaviour=unlimited()) as served:
        functions = served.client("lambda").get_paginator("list_functions").paginate().build_full_result()["Functions"]
        roles = served.client("iam").list_roles(MaxItems=1000)["Roles"]
        for spec in on_lambda.values():
            found = served.client("lambda").get_function(FunctionName=spec.name)
            assert found["Configuration"]["Timeout"] == spec.timeout
            assert found["Configuration"]["Role"] == f"{ROLE}{spec.role}"
        names = {function["FunctionName"] for function in functions}
        assert names > on_lambda.keys()
        assert {role["Arn"] for role in roles if role["Path"] == "/agents/"} == {f"{ROLE}{spec.role}" for spec in fleet}
        assert any(role["Path"].startswith("/aws-service-role/") for role in roles)
        assert all(served.allows(f"{ROLE}{spec.role}") for spec in fleet)
        eventually(lambda: all(served.stage.of(name) == spec.replicas for name, spec in on_lambda.items()))


def test_some_functions_have_a_mapping_provisioned_concurrency_or_a_reservation() -> None:
    with serving([function_agent(f"refund-{number:02}") for number in range(1, 13)], behaviour=unlimited()) as served:
        client = served.client("lambda")
        mappings = client.list_event_source_mappings()["EventSourceMappings"]
        assert [mapping["FunctionArn"].rpartition(":")[2] for mapping in mappings] == ["refund-07"]
        reserved = {
            name
            for name in (f"refund-{number:02}" for number in range(1, 13))
            if client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
        }
        assert reserved == {"refund-05", "refund-10"}
        (config,) = client.list_provisioned_concurrency_configs(FunctionName="refund-11")[
            "ProvisionedConcurrencyConfigs"
        ]
        assert (config["Status"], config["RequestedProvisionedConcurrentExecutions"] in (1, 2)) == ("READY", True)


def test_two_agents_may_share_a_role_which_then_names_neither() -> None:
    agents = [function_agent("refund-1", role="shared"), function_agent("refund-2", role="shared", tenant="hooli")]
    with serving(agents, behaviour=unlimited()) as served:
        tags = served.client("iam").list_role_tags(RoleName="shared")["Tags"]
        assert tags == [{"Key": "agent-class", "Value": "refund"}]


def test_an_agent_without_a_role_runs_without_credentials_under_a_role_of_nobodys() -> None:
    with serving([function_agent("refund-1", role=None)], behaviour=unlimited()) as served:
        eventually(lambda: served.stage.of("refund-1") == 1)
        assert [identity for _agent, identity in list(served.stage.running.values())] == [None]
        role = served.client("lambda").get_function(FunctionName="refund-1")["Configuration"]["Role"]
        assert role.endswith(":role/service-role/basic-execution")
        with refused("NoSuchEntity"):
            served.client("iam").get_role(RoleName="None")


def test_the_same_seed_makes_the_same_account() -> None:
    def account(seed: int) -> list[str]:
        face = AwsFace(acting=Stage(), faults=Strikes(), rng=Random(seed))
        face.seed(make_fleet(agents=40, seed=3))
        return [entity.identifier for entity in face._directory._by_arn.values()]

    assert account(1) == account(1)
    assert account(1) != account(2)


def test_agents_of_other_platforms_get_a_role_only() -> None:
    pod = AgentSpec(name="pod-1", agent_class="refund", tenant="acme", runtime=Runtime.KUBERNETES, role="pod-1-role")
    with serving([pod], behaviour=unlimited()) as served:
        assert served.allows(f"{ROLE}pod-1-role")
        with refused("ResourceNotFoundException"):
            served.client("lambda").get_function(FunctionName="pod-1")
