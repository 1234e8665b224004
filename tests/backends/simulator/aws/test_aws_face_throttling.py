"""The control plane's rate limits, as clients that do not hold back meet them."""

from __future__ import annotations

from aws_face import function_agent, refused, serving, unlimited
from killswitch_backends.simulator.aws import Rate

SLOW = Rate(per_second=0.5, burst=3)


def test_lambda_throttles_all_control_calls_together_and_says_when_to_come_back() -> None:
    with serving([function_agent("refund-1")], behaviour=unlimited(lambda_control=SLOW)) as served:
        client = served.client("lambda")
        client.list_functions()
        client.get_function_concurrency(FunctionName="refund-1")
        client.put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=0)
        with refused("TooManyRequestsException") as answer:
            client.delete_function_concurrency(FunctionName="refund-1")
        assert answer["Reason"] == "CallerRateLimitExceeded"
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert int(answer["retryAfterSeconds"]) >= 1
        seen = client.get_function(FunctionName="refund-1")  # has a rate of its own
        assert seen["Concurrency"] == {"ReservedConcurrentExecutions": 0}  # nothing was applied
        with refused("TooManyRequestsException") as answer:
            client.invoke(FunctionName="refund-1")  # the data plane's refusal
        assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert served.client("lambda", region="us-east-1").list_functions()["Functions"] == []  # another region


def test_iam_throttles_without_a_hint_and_the_sdk_retries_it() -> None:
    behaviour = unlimited(iam_write=Rate(per_second=20, burst=1))
    with serving([function_agent("refund-1")], behaviour=behaviour) as served:
        impatient, patient = served.client("iam"), served.client("iam", attempts=6)
        tags = [{"Key": "k", "Value": "v"}]
        impatient.tag_role(RoleName="refund-1-role", Tags=tags)
        with refused("Throttling") as answer:
            for _call in range(5):
                impatient.tag_role(RoleName="refund-1-role", Tags=tags)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
        patient.tag_role(RoleName="refund-1-role", Tags=tags)
