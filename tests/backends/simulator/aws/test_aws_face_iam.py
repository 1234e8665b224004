"""Roles, users, groups and their policies: quotas, pages and refusals as boto3 parses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from aws_face import ServedFace, function_agent, refused, serving, unlimited

DENY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


SAME_SID = '{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"}'


@pytest.fixture
def served() -> Iterator[ServedFace]:
    agents = [function_agent(f"refund-{number}") for number in range(120)]
    with serving(agents, behaviour=unlimited()) as served:
        yield served


def padded(length: int) -> str:
    """A deny policy of exactly this many characters, and some whitespace that does not count."""
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", "Sid": ""}
    bare = len(json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":")))
    statement["Sid"] = "x" * (length - bare)
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=8)


def test_agents_roles_are_listed_by_path_and_page_without_their_tags(served: ServedFace) -> None:
    client = served.client("iam")
    pages = [page["Roles"] for page in client.get_paginator("list_roles").paginate(PathPrefix="/agents/")]
    assert [len(page) for page in pages] == [100, 20]
    assert all(role["Arn"].startswith("arn:aws:iam::111122223333:role/agents/") for page in pages for role in page)
    assert not any("Tags" in role for page in pages for role in page)
    role = client.get_role(RoleName="REFUND-3-ROLE")["Role"]  # names do not differ in case alone
    assert {"Key": "agent", "Value": "refund-3"} in role["Tags"]
    assert role["AssumeRolePolicyDocument"]["Version"] == "2012-10-17"


def test_inline_policies_are_put_read_listed_and_deleted(served: ServedFace) -> None:
    client = served.client("iam")
    client.put_role_policy(RoleName="refund-1-role", PolicyName="killswitch", PolicyDocument=DENY)
    assert client.list_role_policies(RoleName="refund-1-role")["PolicyNames"] == ["agent-work", "killswitch"]
    found = client.get_role_policy(RoleName="refund-1-role", PolicyName="killswitch")
    assert found["PolicyDocument"] == json.loads(DENY)
    client.delete_role_policy(RoleName="refund-1-role", PolicyName="killswitch")
    with refused("NoSuchEntity") as answer:
        client.delete_role_policy(RoleName="refund-1-role", PolicyName="killswitch")
    assert answer["Error"]["Message"] == "The role policy with name killswitch cannot be found."
    with refused("NoSuchEntity"):
        client.get_role(RoleName="nobody")


@pytest.mark.parametrize(("kind", "quota"), [("role", 10_240), ("user", 2_048), ("group", 5_120)])
def test_inline_quotas_count_all_policies_but_no_whitespace(served: ServedFace, kind: str, quota: int) -> None:
    client = served.client("iam")
    name = {f"{kind.capitalize()}Name": f"full-{kind}"}
    trust = {"AssumeRolePolicyDocument": TRUST} if kind == "role" else {}
    getattr(client, f"create_{kind}")(**name, **trust)
    put = getattr(client, f"put_{kind}_policy")
    put(**name, PolicyName="work", PolicyDocument=padded(quota - 1000))
    with refused("LimitExceeded") as answer:
        put(**name, PolicyName="killswitch", PolicyDocument=padded(1001))
    assert answer["Error"]["Message"] == f"Maximum policy size of {quota} bytes exceeded for {kind} full-{kind}"
    put(**name, PolicyName="killswitch", PolicyDocument=padded(1000))
    put(**name, PolicyName="work", PolicyDocument=padded(quota - 1000))  # replaced, not added


def test_managed_policies_have_a_quota_per_role(served: ServedFace) -> None:
    client = served.client("iam")
    role = "refund-2-role"
    made = [client.create_policy(PolicyName=f"p{number}", PolicyDocument=DENY)["Policy"]["Arn"] for number in range(10)]
    for arn in made:
        client.attach_role_policy(RoleName=role, PolicyArn=arn)
    with refused("LimitExceeded") as answer:
        client.attach_role_policy(RoleName=role, PolicyArn=DENY_ALL)
    assert answer["Error"]["Message"] == "Cannot exceed quota for PoliciesPerRole: 10"
    client.detach_role_policy(RoleName=role, PolicyArn=made[0])
    client.attach_role_policy(RoleName=role, PolicyArn=DENY_ALL)
    client.attach_role_policy(RoleName=role, PolicyArn=DENY_ALL)
    attached = client.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert {"PolicyName": "AWSDenyAll", "PolicyArn": DENY_ALL} in attached
    assert len(attached) == 10
    with refused("NoSuchEntity"):
        client.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/Nothing")
    with refused("NoSuchEntity"):
        client.detach_role_policy(RoleName=role, PolicyArn=made[0])
    assert client.get_policy(PolicyArn=DENY_ALL)["Policy"]["AttachmentCount"] == 1


def test_service_linked_roles_cannot_be_changed(served: ServedFace) -> None:
    client = served.client("iam")
    linked = "AWSServiceRoleForLambda"
    assert client.get_role(RoleName=linked)["Role"]["Path"] == "/aws-service-role/lambda.amazonaws.com/"
    changes: dict[str, dict[str, Any]] = {
        "put_role_policy": {"PolicyName": "killswitch", "PolicyDocument": DENY},
        "attach_role_policy": {"PolicyArn": DENY_ALL},
        "tag_role": {"Tags": [{"Key": "a", "Value": "b"}]},
        "delete_role": {},
    }
    for name, fields in changes.items():
        with refused("UnmodifiableEntity"):
            getattr(client, name)(RoleName=linked, **fields)


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        '{"Version":"2012-10-17"}',
        '{"Version":"2020-01-01","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}',
        '{"Statement":[{"Effect":"deny","Action":"*","Resource":"*"}]}',
        '{"Statement":[{"Effect":"Deny","Action":"everything","Resource":"*"}]}',
        '{"Statement":[{"Effect":"Deny","Action":"*"}]}',
        '{"Statement":[{"Effect":"Deny","Resource":"*"}]}',
        '{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Principal":"*"}]}',
        '{"Statement":[{"Sid":"not-plain","Effect":"Deny","Action":"*","Resource":"*"}]}',
        f'{{"Statement":[{SAME_SID},{SAME_SID}]}}',
        '{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Almost":{"a":"b"}}}]}',
    ],
)
def test_policies_that_iam_would_not_take_are_malformed(served: ServedFace, document: str) -> None:
    client = served.client("iam")
    with refused("MalformedPolicyDocument"):
        client.put_role_policy(RoleName="refund-4-role", PolicyName="bad", PolicyDocument=document)
    assert "bad" not in client.list_role_policies(RoleName="refund-4-role")["PolicyNames"]


def test_tags_are_checked_and_survive(served: ServedFace) -> None:
    client = served.client("iam")
    client.tag_role(RoleName="refund-5-role", Tags=[{"Key": "killswitch:halt", "Value": "h-1/os:oncall"}])
    tags = client.list_role_tags(RoleName="refund-5-role")["Tags"]
    assert [tag["Key"] for tag in tags] == ["agent", "agent-class", "agent-tenant", "killswitch:halt"]
    client.untag_role(RoleName="refund-5-role", TagKeys=["killswitch:halt"])
    with refused("ValidationError"):
        client.tag_role(RoleName="refund-5-role", Tags=[{"Key": "k", "Value": "a;b"}])
    many = [{"Key": f"k{number}", "Value": "v"} for number in range(48)]
    with refused("LimitExceeded"):
        client.tag_role(RoleName="refund-5-role", Tags=many)
    assert len(client.list_role_tags(RoleName="refund-5-role")["Tags"]) == 3


def test_whole_roles_come_a_thousand_a_page(served: ServedFace) -> None:
    client = served.client("iam")
    client.attach_role_policy(RoleName="refund-6-role", PolicyArn=DENY_ALL)
    details = client.get_account_authorization_details(Filter=["Role"], MaxItems=1000)["RoleDetailList"]
    (role,) = [role for role in details if role["RoleName"] == "refund-6-role"]
    assert [policy["PolicyName"] for policy in role["RolePolicyList"]] == ["agent-work"]
    assert role["RolePolicyList"][0]["PolicyDocument"]["Statement"][0]["Effect"] == "Allow"
    assert role["AttachedManagedPolicies"] == [{"PolicyName": "AWSDenyAll", "PolicyArn": DENY_ALL}]
    assert {"Key": "agent", "Value": "refund-6"} in role["Tags"]


def test_identities_are_made_once_and_deleted_when_empty(served: ServedFace) -> None:
    client = served.client("iam")
    client.create_role(RoleName="short-lived", Path="/agents/", AssumeRolePolicyDocument=TRUST)
    with refused("EntityAlreadyExists"):
        client.create_role(RoleName="Short-Lived", AssumeRolePolicyDocument=TRUST)
    client.put_role_policy(RoleName="short-lived", PolicyName="p", PolicyDocument=DENY)
    with refused("DeleteConflict"):
        client.delete_role(RoleName="short-lived")
    client.delete_role_policy(RoleName="short-lived", PolicyName="p")
    client.delete_role(RoleName="short-lived")
    with refused("NoSuchEntity"):
        client.delete_role(RoleName="short-lived")
    with refused("ValidationError"):
        client.create_role(RoleName="r" * 65, AssumeRolePolicyDocument=TRUST)
    roles = [role["RoleName"] for page in client.get_paginator("list_roles").paginate() for role in page["Roles"]]
    assert not {"short-lived", "r" * 65} & set(roles)


def test_groups_hold_users(served: ServedFace) -> None:
    client = served.client("iam")
    client.create_user(UserName="agent-user")
    client.create_group(GroupName="agent-users")
    client.add_user_to_group(GroupName="agent-users", UserName="agent-user")
    assert [user["UserName"] for user in client.get_group(GroupName="agent-users")["Users"]] == ["agent-user"]
    assert [group["GroupName"] for group in client.list_groups_for_user(UserName="agent-user")["Groups"]] == [
        "agent-users"
    ]
    assert client.get_user()["User"]["UserName"] == "killswitch-operator"
