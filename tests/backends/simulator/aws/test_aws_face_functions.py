"""Functions, versions, aliases and tags of the simulated Lambda, as an unmodified boto3 client sees them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aws_face import ServedFace, function_agent, refused, serving, unlimited

ROLE = "arn:aws:iam::111122223333:role/agents/refund-1-role"


@pytest.fixture
def served() -> Iterator[ServedFace]:
    agents = [function_agent(f"refund-{number}", timeout=3) for number in range(1, 121)]
    with serving(agents, behaviour=unlimited()) as served:
        yield served


def test_functions_come_fifty_a_page_and_all_of_them(served: ServedFace) -> None:
    client = served.client("lambda")
    pages = [page["Functions"] for page in client.get_paginator("list_functions").paginate()]
    names = [function["FunctionName"] for page in pages for function in page]
    assert [len(page) for page in pages] == [50, 50, 24]
    assert len(set(names)) == 124
    assert len(client.list_functions(MaxItems=1000)["Functions"]) == 50
    assert "Concurrency" not in client.list_functions()["Functions"][0]


def test_a_function_deleted_between_two_pages_hides_no_other(served: ServedFace) -> None:
    client = served.client("lambda")
    client.create_function(
        FunctionName="aaa-first", Role=ROLE, Code={"ZipFile": b"x"}, Runtime="python3.13", Handler="a.b"
    )
    first = client.list_functions(MaxItems=10)
    client.delete_function(FunctionName="aaa-first")
    second = client.list_functions(MaxItems=10, Marker=first["NextMarker"])
    straight = [function["FunctionName"] for function in client.list_functions(MaxItems=19)["Functions"]]
    paged = [function["FunctionName"] for function in first["Functions"] + second["Functions"]]
    assert paged == ["aaa-first", *straight]


def test_get_function_tells_configuration_tags_and_concurrency(served: ServedFace) -> None:
    client = served.client("lambda")
    answer = client.get_function(FunctionName="refund-1")
    assert answer["Configuration"]["Timeout"] == 3
    assert answer["Configuration"]["Role"] == ROLE
    assert answer["Tags"] == {"agent": "refund-1", "agent-class": "refund", "agent-tenant": "acme"}
    assert "Concurrency" not in answer
    client.put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=0)
    assert client.get_function(FunctionName="refund-1")["Concurrency"] == {"ReservedConcurrentExecutions": 0}


@pytest.mark.parametrize(
    "spelling",
    [
        "refund-2",
        "111122223333:function:refund-2",
        "arn:aws:lambda:eu-central-1:111122223333:function:refund-2",
        "arn:aws:lambda:eu-central-1:111122223333:function:refund-2:$LATEST",
    ],
)
def test_a_function_is_found_by_every_spelling_of_its_name(served: ServedFace, spelling: str) -> None:
    assert served.client("lambda").get_function(FunctionName=spelling)["Configuration"]["FunctionName"] == "refund-2"


def test_what_does_not_exist_is_not_found(served: ServedFace) -> None:
    client = served.client("lambda")
    with refused("ResourceNotFoundException") as answer:
        client.get_function(FunctionName="nobody")
    assert answer["Error"]["Message"] == "Function not found: arn:aws:lambda:eu-central-1:111122223333:function:nobody"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404
    with refused("ResourceNotFoundException"):
        client.get_function(FunctionName="refund-1", Qualifier="nobody")
    with refused("ResourceNotFoundException"):
        served.client("lambda", region="us-east-1").get_function(FunctionName="refund-1")


def test_versions_freeze_their_timeout_and_aliases_name_them(served: ServedFace) -> None:
    client = served.client("lambda")
    client.create_function(
        FunctionName="versioned", Role=ROLE, Code={"ZipFile": b"x"}, Runtime="python3.13", Handler="a.b", Timeout=60
    )
    assert client.publish_version(FunctionName="versioned")["Version"] == "1"
    client.update_function_configuration(FunctionName="versioned", Timeout=5)
    client.get_waiter("function_updated_v2").wait(FunctionName="versioned", WaiterConfig={"Delay": 1})
    client.create_alias(FunctionName="versioned", Name="live", FunctionVersion="1")
    versions = client.list_versions_by_function(FunctionName="versioned")["Versions"]
    assert [(version["Version"], version["Timeout"]) for version in versions] == [("$LATEST", 5), ("1", 60)]
    assert client.get_function_configuration(FunctionName="versioned", Qualifier="live")["Timeout"] == 60
    assert [alias["FunctionVersion"] for alias in client.list_aliases(FunctionName="versioned")["Aliases"]] == ["1"]


def test_an_update_under_way_is_a_conflict(served: ServedFace) -> None:
    client = served.client("lambda")
    client.update_function_configuration(FunctionName="refund-3", Timeout=2)
    with refused("ResourceConflictException") as answer:
        client.put_function_concurrency(FunctionName="refund-3", ReservedConcurrentExecutions=0)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_tags_are_set_removed_and_checked(served: ServedFace) -> None:
    client = served.client("lambda")
    arn = "arn:aws:lambda:eu-central-1:111122223333:function:refund-4"
    client.tag_resource(Resource=arn, Tags={"killswitch:halt": "h-1 by os:oncall"})
    assert client.list_tags(Resource=arn)["Tags"]["killswitch:halt"] == "h-1 by os:oncall"
    client.untag_resource(Resource=arn, TagKeys=["killswitch:halt", "never-there"])
    assert "killswitch:halt" not in client.list_tags(Resource=arn)["Tags"]
    for bad in ({"k": '{"json": 1}'}, {"k": "v" * 257}, {"aws:k": "v"}, {f"k{n}": "v" for n in range(48)}):
        with refused("InvalidParameterValueException"):
            client.tag_resource(Resource=arn, Tags=bad)
    assert set(client.list_tags(Resource=arn)["Tags"]) == {"agent", "agent-class", "agent-tenant"}
