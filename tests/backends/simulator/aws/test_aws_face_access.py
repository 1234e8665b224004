"""Who may do what, and when a change of policy reaches the data plane. Time is a test's own here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from aws_face import ServedFace, function_agent, refused, serving, unlimited
from killswitch_backends.simulator.aws import PROPAGATION_SECONDS_MAX
from virtual_clock import VirtualClock

ROLE = "arn:aws:iam::111122223333:role/agents/refund-1-role"
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"


def policy(effect: str = "Deny", action: str = "*", **more: Any) -> str:
    statement = {"Effect": effect, "Action": action, "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class World:
    """A served face whose time moves only when the test says so."""

    def __init__(self, served: ServedFace, clock: VirtualClock) -> None:
        self.served, self.clock = served, clock
        self.iam = served.client("iam")

    def pass_time(self, seconds: float) -> None:
        self.served.inside(lambda: self.clock.advance(seconds))

    def allows(self, identity: str = ROLE) -> bool:
        return self.served.allows(identity)

    def at(self, seconds: float) -> str:
        """A moment relative to now, as policies write it."""
        return datetime.fromtimestamp(self.clock.now() + seconds, UTC).isoformat()


@pytest.fixture
def world() -> Iterator[World]:
    clock = VirtualClock()
    agents = [function_agent("refund-1"), function_agent("refund-2")]
    behaviour = unlimited(propagation=(1.0, PROPAGATION_SECONDS_MAX))
    with serving(agents, clock=clock, behaviour=behaviour) as served:
        yield World(served, clock)


def test_a_deny_reaches_the_data_plane_later_than_the_control_plane(world: World) -> None:
    world.iam.put_role_policy(RoleName="refund-1-role", PolicyName="killswitch", PolicyDocument=policy())
    simulated = world.iam.simulate_principal_policy(PolicySourceArn=ROLE, ActionNames=["bedrock:InvokeModel"])
    assert simulated["EvaluationResults"][0]["EvalDecision"] == "explicitDeny"
    world.pass_time(0.99)
    assert world.allows()
    world.pass_time(PROPAGATION_SECONDS_MAX)
    assert not world.allows()
    assert world.allows("arn:aws:iam::111122223333:role/agents/refund-2-role")
    world.iam.delete_role_policy(RoleName="refund-1-role", PolicyName="killswitch")
    assert not world.allows()
    world.pass_time(PROPAGATION_SECONDS_MAX)
    assert world.allows()


def test_changes_never_overtake_each_other(world: World) -> None:
    for _round in range(10):
        world.iam.put_role_policy(RoleName="refund-1-role", PolicyName="killswitch", PolicyDocument=policy())
        world.iam.delete_role_policy(RoleName="refund-1-role", PolicyName="killswitch")
    world.iam.attach_role_policy(RoleName="refund-1-role", PolicyArn=DENY_ALL)
    world.pass_time(PROPAGATION_SECONDS_MAX)
    assert not world.allows()


@pytest.mark.parametrize(
    "stop",
    [
        lambda iam: iam.put_role_policy(RoleName="refund-1-role", PolicyName="p", PolicyDocument=policy()),
        lambda iam: iam.attach_role_policy(RoleName="refund-1-role", PolicyArn=DENY_ALL),
        lambda iam: iam.delete_role_policy(RoleName="refund-1-role", PolicyName="agent-work"),
        lambda iam: iam.put_role_permissions_boundary(RoleName="refund-1-role", PermissionsBoundary=DENY_ALL),
        lambda iam: iam.put_role_policy(
            RoleName="refund-1-role", PolicyName="p", PolicyDocument=policy(action="bedrock:Invoke*")
        ),
    ],
)
def test_every_way_of_taking_the_permission_stops_the_agent(world: World, stop: Callable[[Any], object]) -> None:
    stop(world.iam)
    world.pass_time(PROPAGATION_SECONDS_MAX)
    assert not world.allows()


def test_a_deny_whose_condition_does_not_hold_denies_nothing(world: World) -> None:
    for name, condition in {
        "past": {"DateLessThan": {"aws:TokenIssueTime": world.at(-3600)}},
        "absent": {"Null": {"aws:TokenIssueTime": "true"}},
        "another": {"StringEquals": {"aws:PrincipalTag/agent": "refund-2"}},
    }.items():
        document = policy(Condition=condition)
        world.iam.put_role_policy(RoleName="refund-1-role", PolicyName=name, PolicyDocument=document)
    world.pass_time(PROPAGATION_SECONDS_MAX)
    assert world.allows()


def test_revoking_sessions_by_time_stops_an_agent_only_until_it_gets_new_ones(world: World) -> None:
    keys = world.served.session(ROLE)
    revoke = policy(Condition={"DateLessThan": {"aws:TokenIssueTime": world.at(0)}})
    world.iam.put_role_policy(RoleName="refund-1-role", PolicyName="revoke", PolicyDocument=revoke)
    world.iam.put_role_policy(
        RoleName="refund-1-role", PolicyName="look", PolicyDocument=policy("Allow", "lambda:ListFunctions")
    )
    seen = []
    for _second in range(70):
        world.pass_time(1)
        seen.append(world.allows())
    stopped, again = seen.index(False), len(seen) - seen[::-1].index(False)
    assert seen == [True] * stopped + [False] * (again - stopped) + [True] * (70 - again)
    assert stopped <= PROPAGATION_SECONDS_MAX
    assert again < 70
    world.served.client("lambda", keys=world.served.session(ROLE)).list_functions()
    assert world.served.client("lambda", keys=keys).list_functions()  # issued in the same second: not before it


def test_an_agents_own_calls_are_denied_but_it_may_always_ask_who_it_is(world: World) -> None:
    keys = world.served.session(ROLE)
    client = world.served.client("lambda", keys=keys)
    with refused("AccessDeniedException") as answer:
        client.list_functions()
    assert "no identity-based policy allows the lambda:ListFunctions action" in answer["Error"]["Message"]
    allow = policy("Allow", "lambda:*")
    world.iam.put_role_policy(RoleName="refund-1-role", PolicyName="look", PolicyDocument=allow)
    world.pass_time(PROPAGATION_SECONDS_MAX)
    client.list_functions()
    world.iam.put_role_policy(RoleName="refund-1-role", PolicyName="killswitch", PolicyDocument=policy())
    client.list_functions()
    world.pass_time(PROPAGATION_SECONDS_MAX)
    with refused("AccessDeniedException") as answer:
        client.list_functions()
    assert "with an explicit deny in an identity-based policy" in answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
    with refused("AccessDenied"):
        world.served.client("iam", keys=keys).list_roles()
    with refused("AccessDeniedException"):
        world.served.client("resourcegroupstaggingapi", keys=keys).get_resources()
    identity = world.served.client("sts", keys=keys).get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::111122223333:assumed-role/refund-1-role/test"
    assert world.allows(identity["Arn"]) is False


def test_a_chained_session_survives_the_deny_on_the_role_it_came_from(world: World) -> None:
    first = world.served.session(ROLE)
    chained = (
        world.served.client("sts", keys=first)
        .assume_role(RoleArn=ROLE.replace("refund-1", "refund-2"), RoleSessionName="chained")
        .get("Credentials")
    )
    world.iam.attach_role_policy(RoleName="refund-1-role", PolicyArn=DENY_ALL)
    world.pass_time(PROPAGATION_SECONDS_MAX)
    with refused("AccessDenied"):
        world.served.client("sts", keys=first).assume_role(
            RoleArn=ROLE.replace("refund-1", "refund-2"), RoleSessionName="again"
        )
    survivor = world.served.client(
        "sts",
        keys={
            "aws_access_key_id": chained["AccessKeyId"],
            "aws_secret_access_key": chained["SecretAccessKey"],
            "aws_session_token": chained["SessionToken"],
        },
    )
    assert survivor.get_caller_identity()["Arn"].endswith("assumed-role/refund-2-role/chained")


def test_keys_that_are_unknown_expired_or_without_their_token_are_refused(world: World) -> None:
    keys = world.served.session(ROLE, DurationSeconds=900)
    unknown = {"aws_access_key_id": "AKIANOBODY", "aws_secret_access_key": "x"}
    for service, code in {"sts": "InvalidClientTokenId", "lambda": "UnrecognizedClientException"}.items():
        for bad in (unknown, keys | {"aws_session_token": "wrong"}):
            with refused(code) as answer:
                call_something(world.served.client(service, keys=bad))
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
    world.pass_time(901)
    for service, code in {"sts": "ExpiredToken", "lambda": "ExpiredTokenException"}.items():
        with refused(code):
            call_something(world.served.client(service, keys=keys))


def call_something(client: Any) -> None:
    if client.meta.service_model.service_name == "sts":
        client.get_caller_identity()
    else:
        client.list_functions()


def test_assuming_a_role_needs_its_trust(world: World) -> None:
    trust = policy("Allow", "sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"})
    document = json.loads(trust)
    del document["Statement"][0]["Resource"]
    world.iam.update_assume_role_policy(RoleName="refund-1-role", PolicyDocument=json.dumps(document))
    with refused("AccessDenied") as answer:
        world.served.session(ROLE)
    assert "is not authorized to perform: sts:AssumeRole on resource" in answer["Error"]["Message"]
    with refused("AccessDenied"):
        world.served.session("arn:aws:iam::111122223333:role/agents/nobody")


def test_an_operator_who_denies_its_own_group_is_locked_out(world: World) -> None:
    world.iam.put_group_policy(GroupName="killswitch-operators", PolicyName="p", PolicyDocument=policy())
    world.iam.list_roles()
    world.pass_time(PROPAGATION_SECONDS_MAX)
    with refused("AccessDenied"):
        world.iam.list_roles()
    assert world.served.client("sts").get_caller_identity()["Account"] == "111122223333"


def test_a_users_access_key_works_until_it_is_switched_off(world: World) -> None:
    world.iam.create_user(UserName="agent-user")
    world.iam.put_user_policy(
        UserName="agent-user", PolicyName="work", PolicyDocument=policy("Allow", "lambda:GetFunction*")
    )
    world.pass_time(PROPAGATION_SECONDS_MAX)
    key = world.iam.create_access_key(UserName="agent-user")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    found = world.served.client("lambda", keys=keys).get_function(FunctionName="refund-1")
    assert found["Configuration"]["FunctionName"] == "refund-1"
    with refused("AccessDeniedException"):
        world.served.client("lambda", keys=keys).list_functions()
    world.iam.update_access_key(UserName="agent-user", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with refused("UnrecognizedClientException"):
        world.served.client("lambda", keys=keys).get_function(FunctionName="refund-1")


def test_rights_on_one_function_are_no_rights_on_another(world: World) -> None:
    own = "arn:aws:lambda:eu-central-1:111122223333:function:refund-1"
    scoped = json.loads(policy("Allow", "lambda:GetFunction"))
    scoped["Statement"][0]["Resource"] = own
    world.iam.put_role_policy(RoleName="refund-1-role", PolicyName="look", PolicyDocument=json.dumps(scoped))
    world.pass_time(PROPAGATION_SECONDS_MAX)
    client = world.served.client("lambda", keys=world.served.session(ROLE))
    assert client.get_function(FunctionName="refund-1")["Configuration"]["FunctionArn"] == own
    with refused("AccessDeniedException"):
        client.get_function(FunctionName="refund-2")


def test_an_identity_that_is_not_there_may_nothing(world: World) -> None:
    assert not world.allows("arn:aws:iam::111122223333:role/agents/nobody")
    assert not world.allows("not an arn")
