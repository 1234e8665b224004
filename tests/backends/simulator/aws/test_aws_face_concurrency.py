"""Reserved and provisioned concurrency: the refusals that a halt and its restore meet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aws_face import ServedFace, eventually, function_agent, refused, serving, unlimited

CAPACITY_PROVIDER = "arn:aws:lambda:eu-central-1:111122223333:capacity-provider:agents"


@pytest.fixture
def served() -> Iterator[ServedFace]:
    with serving([function_agent(f"refund-{number}") for number in range(1, 12)], behaviour=unlimited()) as served:
        yield served


def reserved(served: ServedFace, name: str) -> int | None:
    answer = served.client("lambda").get_function_concurrency(FunctionName=name)
    found: int | None = answer.get("ReservedConcurrentExecutions")
    return found


def test_no_reservation_zero_and_a_number_are_three_things(served: ServedFace) -> None:
    client = served.client("lambda")
    assert reserved(served, "refund-1") is None
    for wanted in (0, 7):
        client.put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=wanted)
        assert reserved(served, "refund-1") == wanted
    for _twice in range(2):
        client.delete_function_concurrency(FunctionName="refund-1")
    assert reserved(served, "refund-1") is None


def test_only_whole_functions_take_a_reservation(served: ServedFace) -> None:
    with refused("InvalidParameterValueException") as answer:
        served.client("lambda").put_function_concurrency(FunctionName="refund-11:live", ReservedConcurrentExecutions=0)
    assert answer["Error"]["Message"].startswith("This operation is permitted on Lambda functions only.")


def test_provisioned_concurrency_refuses_zero_until_it_is_deleted(served: ServedFace) -> None:
    client = served.client("lambda")
    (config,) = client.list_provisioned_concurrency_configs(FunctionName="refund-11")["ProvisionedConcurrencyConfigs"]
    assert config["FunctionArn"].endswith(":refund-11:live")
    with refused("InvalidParameterValueException") as answer:
        client.put_function_concurrency(FunctionName="refund-11", ReservedConcurrentExecutions=0)
    total = config["RequestedProvisionedConcurrentExecutions"]
    assert answer["Error"]["Message"] == (
        f" ReservedConcurrentExecutions  0 should not be lower than function's total provisioned concurrency [{total}]."
    )
    client.delete_provisioned_concurrency_config(FunctionName="refund-11", Qualifier="live")
    client.put_function_concurrency(FunctionName="refund-11", ReservedConcurrentExecutions=0)
    with refused("ProvisionedConcurrencyConfigNotFoundException"):
        client.get_provisioned_concurrency_config(FunctionName="refund-11", Qualifier="live")
    with refused("InvalidParameterValueException"):  # at zero there is nothing to provision
        client.put_provisioned_concurrency_config(
            FunctionName="refund-11", Qualifier="live", ProvisionedConcurrentExecutions=1
        )


def test_provisioned_concurrency_takes_its_time_to_be_ready(served: ServedFace) -> None:
    client = served.client("lambda")
    put = client.put_provisioned_concurrency_config(
        FunctionName="refund-11", Qualifier="live", ProvisionedConcurrentExecutions=3
    )
    assert (put["Status"], put["AvailableProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 0)

    def ready() -> bool:
        now = client.get_provisioned_concurrency_config(FunctionName="refund-11", Qualifier="live")
        return bool(now["Status"] == "READY" and now["AvailableProvisionedConcurrentExecutions"] == 3)

    eventually(ready)


def test_functions_on_managed_instances_have_no_reserved_concurrency(served: ServedFace) -> None:
    client = served.client("lambda")
    provider = {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": CAPACITY_PROVIDER}}
    role = "arn:aws:iam::111122223333:role/agents/refund-1-role"
    client.create_function(
        FunctionName="on-instances", Role=role, Code={"ZipFile": b"x"}, CapacityProviderConfig=provider
    )
    assert client.get_function(FunctionName="on-instances")["Configuration"]["CapacityProviderConfig"] == provider
    with refused("InvalidParameterValueException"):
        client.put_function_concurrency(FunctionName="on-instances", ReservedConcurrentExecutions=0)


def test_a_restore_can_find_the_pool_used_up(served: ServedFace) -> None:
    client = served.client("lambda")
    client.put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=50)
    client.put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=0)
    left = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    client.put_function_concurrency(FunctionName="refund-2", ReservedConcurrentExecutions=left - 100)
    with refused("InvalidParameterValueException") as answer:
        client.put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=50)
    assert answer["Error"]["Message"] == (
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
        "its minimum value of [100]."
    )
    client.put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=0)  # zero always succeeds
    client.delete_function_concurrency(FunctionName="refund-2")
    client.put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=50)
