"""Event source mappings and the settings of asynchronous invocation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aws_face import ServedFace, eventually, function_agent, refused, serving, unlimited


@pytest.fixture
def served() -> Iterator[ServedFace]:
    agents = [function_agent(f"refund-{number}") for number in range(1, 15)]
    with serving(agents, behaviour=unlimited()) as served:
        yield served


def test_a_mapping_goes_through_disabling_and_is_in_use_meanwhile(served: ServedFace) -> None:
    client = served.client("lambda")
    (mapping,) = client.list_event_source_mappings(FunctionName="refund-7")["EventSourceMappings"]
    assert mapping["State"] == "Enabled"
    update = client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    assert (update["State"], update["ResponseMetadata"]["HTTPStatusCode"]) == ("Disabling", 202)
    with refused("ResourceInUseException"):
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    eventually(lambda: client.get_event_source_mapping(UUID=mapping["UUID"])["State"] == "Disabled")
    assert client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)["State"] == "Disabled"
    assert client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)["State"] == "Enabling"
    eventually(lambda: client.get_event_source_mapping(UUID=mapping["UUID"])["State"] == "Enabled")


def test_all_mappings_of_the_account_come_a_hundred_a_page(served: ServedFace) -> None:
    client = served.client("lambda")
    sources = [f"arn:aws:sqs:eu-central-1:111122223333:queue-{number}" for number in range(110)]
    for source in sources:
        client.create_event_source_mapping(FunctionName="webhook-relay", EventSourceArn=source, Enabled=False)
    pages = [page["EventSourceMappings"] for page in client.get_paginator("list_event_source_mappings").paginate()]
    assert [len(page) for page in pages] == [100, 12]
    assert len({mapping["UUID"] for page in pages for mapping in page}) == 112
    with refused("ResourceConflictException"):
        client.create_event_source_mapping(FunctionName="webhook-relay", EventSourceArn=sources[0])


def test_a_deleted_mapping_is_deleting_and_then_gone(served: ServedFace) -> None:
    client = served.client("lambda")
    (mapping,) = client.list_event_source_mappings(FunctionName="refund-14")["EventSourceMappings"]
    assert client.delete_event_source_mapping(UUID=mapping["UUID"])["State"] == "Deleting"
    eventually(lambda: not client.list_event_source_mappings(FunctionName="refund-14")["EventSourceMappings"])
    with refused("ResourceNotFoundException"):
        client.get_event_source_mapping(UUID=mapping["UUID"])


def test_an_unknown_mapping_is_not_found(served: ServedFace) -> None:
    with refused("ResourceNotFoundException") as answer:
        served.client("lambda").get_event_source_mapping(UUID="819de2e0-0c1b-4f7c-bf5b-44e795c05e5f")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_event_invoke_settings_are_per_qualifier_and_may_be_absent(served: ServedFace) -> None:
    client = served.client("lambda")
    with refused("ResourceNotFoundException"):
        client.get_function_event_invoke_config(FunctionName="refund-1")
    queue = {"OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:111122223333:lost"}}
    client.put_function_event_invoke_config(FunctionName="refund-1", MaximumRetryAttempts=1, DestinationConfig=queue)
    client.update_function_event_invoke_config(FunctionName="refund-1", MaximumEventAgeInSeconds=60)
    found = client.get_function_event_invoke_config(FunctionName="refund-1")
    assert (found["MaximumRetryAttempts"], found["MaximumEventAgeInSeconds"]) == (1, 60)
    assert found["DestinationConfig"] == queue
    client.delete_function_event_invoke_config(FunctionName="refund-1")
    with refused("ResourceNotFoundException"):
        client.delete_function_event_invoke_config(FunctionName="refund-1")


def test_a_dead_letter_target_shows_in_the_configuration(served: ServedFace) -> None:
    client = served.client("lambda")
    target = {"TargetArn": "arn:aws:sqs:eu-central-1:111122223333:dead"}
    client.update_function_configuration(FunctionName="refund-2", DeadLetterConfig=target)
    assert client.get_function(FunctionName="refund-2")["Configuration"]["DeadLetterConfig"] == target
    assert "DeadLetterConfig" not in client.get_function(FunctionName="refund-1")["Configuration"]
