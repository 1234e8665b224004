"""Invocations: what keeps starting them, what zero stops, and what nothing stops once it runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aws_face import ServedFace, eventually, function_agent, refused, serving, unlimited


@pytest.fixture
def served() -> Iterator[ServedFace]:
    agents = [function_agent(f"refund-{number}", replicas=2) for number in range(1, 8)]
    with serving(agents, behaviour=unlimited()) as served:
        yield served


def test_callers_keep_their_invocations_under_way_with_the_execution_role(served: ServedFace) -> None:
    eventually(lambda: served.stage.of("refund-1") == 2)
    begun = served.stage.started
    eventually(lambda: served.stage.started > begun + 14)  # each of the seven was invoked anew
    eventually(lambda: served.stage.of("refund-1") == 2)
    role = "arn:aws:iam::111122223333:role/agents/refund-1-role"
    assert {identity for agent, identity in list(served.stage.running.values()) if agent == "refund-1"} == {role}


def test_zero_stops_new_runs_and_lets_those_under_way_finish(served: ServedFace) -> None:
    client = served.client("lambda")
    eventually(lambda: served.stage.of("refund-1") == 2)
    client.put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=0)
    under_way = {run for run, (agent, _role) in list(served.stage.running.items()) if agent == "refund-1"}
    assert under_way
    with refused("TooManyRequestsException") as answer:
        client.invoke(FunctionName="refund-1")
    assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429

    def only_old_ones() -> bool:
        now = {run for run, (agent, _role) in list(served.stage.running.items()) if agent == "refund-1"}
        assert now <= under_way
        return not now

    eventually(only_old_ones)
    client.delete_function_concurrency(FunctionName="refund-1")
    eventually(lambda: served.stage.of("refund-1") == 2)


def test_a_reservation_caps_what_runs(served: ServedFace) -> None:
    served.client("lambda").put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=1)
    eventually(lambda: served.stage.of("refund-1") == 1)
    eventually(lambda: served.stage.of("refund-2") == 2)
    assert served.stage.of("refund-1") <= 1


def test_synchronous_runs_answer_when_they_end(served: ServedFace) -> None:
    client = served.client("lambda")
    answer = client.invoke(FunctionName="webhook-relay", Payload=b'{"task": 1}')
    assert (answer["StatusCode"], answer["ExecutedVersion"], answer["Payload"].read()) == (200, "$LATEST", b"null")
    assert client.invoke(FunctionName="webhook-relay", InvocationType="DryRun")["StatusCode"] == 204


def test_asynchronous_events_are_taken_at_zero_and_then_given_up(served: ServedFace) -> None:
    client = served.client("lambda")
    eventually(lambda: served.stage.of("refund-1") == 2)
    assert client.invoke(FunctionName="refund-1", InvocationType="Event")["StatusCode"] == 202
    eventually(lambda: served.stage.of("refund-1") == 3)
    client.put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=0)
    eventually(lambda: served.stage.of("refund-1") == 0)
    assert client.invoke(FunctionName="refund-1", InvocationType="Event")["StatusCode"] == 202
    client.delete_function_concurrency(FunctionName="refund-1")
    eventually(lambda: served.stage.of("refund-1") == 2)


def test_a_mapping_feeds_its_function_until_it_is_disabled(served: ServedFace) -> None:
    client = served.client("lambda")
    eventually(lambda: served.stage.of("refund-7") == 2)
    (mapping,) = client.list_event_source_mappings(FunctionName="refund-7")["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    eventually(lambda: served.stage.of("refund-7") == 1)  # the direct caller goes on
    eventually(lambda: client.get_event_source_mapping(UUID=mapping["UUID"])["State"] == "Disabled")
    assert client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)["State"] == "Enabling"
    assert eventually(lambda: served.stage.of("refund-7") == 2)


def test_a_deleted_function_is_invoked_no_more(served: ServedFace) -> None:
    served.client("lambda").delete_function(FunctionName="refund-1")
    eventually(lambda: served.stage.of("refund-1") == 0)
    with refused("ResourceNotFoundException") as answer:
        served.client("lambda").invoke(FunctionName="refund-1")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert served.stage.of("refund-1") == 0


def test_the_account_pool_refuses_when_it_is_used_up() -> None:
    agents = [function_agent("refund-1", timeout=900)]  # what it begins ends after this test
    with serving(agents, behaviour=unlimited()) as served:
        client = served.client("lambda")
        left = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
        client.put_function_concurrency(FunctionName="nightly-report", ReservedConcurrentExecutions=left - 100)
        for _event in range(100):
            client.invoke(FunctionName="refund-1", InvocationType="Event")
        eventually(lambda: served.stage.of("refund-1") == 100)
        with refused("TooManyRequestsException") as answer:
            client.invoke(FunctionName="webhook-relay")
        assert answer["Reason"] == "ConcurrentInvocationLimitExceeded"
