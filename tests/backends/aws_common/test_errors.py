"""AWS's error codes as problems: the type decides whether a halt is repeated, so every code family is pinned here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from botocore import exceptions as sdk
from botocore.exceptions import ClientError

from killswitch_backends.aws_common.errors import problem_of_answer, problem_of_sdk
from killswitch_backends.problems import Gone, Problem, Refused, Throttled, Unauthenticated, Unreachable, Unsupported


def answer(
    code: str, status: int, *, operation: str = "PutFunctionConcurrency", message: str = "no", **headers: str
) -> ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }
    return ClientError(response, operation)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("TooManyRequestsException", 429, Throttled),
        ("Throttling", 400, Throttled),
        ("ResourceConflictException", 409, Throttled),
        ("ResourceInUseException", 400, Throttled),
        ("ConcurrentModification", 409, Throttled),
        ("ResourceNotFoundException", 404, Gone),
        ("NoSuchEntity", 404, Gone),
        ("AccessDeniedException", 403, Refused),
        ("InvalidParameterValueException", 400, Refused),
        ("LimitExceeded", 409, Refused),
        ("UnmodifiableEntity", 400, Unsupported),
        ("ExpiredToken", 403, Unauthenticated),
        ("ExpiredTokenException", 403, Unauthenticated),
        ("InvalidClientTokenId", 403, Unauthenticated),
        ("UnrecognizedClientException", 403, Unauthenticated),
        ("SignatureDoesNotMatch", 403, Unauthenticated),
        ("ServiceException", 500, Unreachable),
        ("ServiceFailure", 503, Unreachable),
        ("", 502, Unreachable),
    ],
)
def test_an_answer_maps_by_its_code(code: str, status: int, expected: type[Problem]) -> None:
    assert type(problem_of_answer(answer(code, status), "lambda:prod/x")) is expected


def test_a_throttle_carries_what_the_platform_asked_for() -> None:
    problem = problem_of_answer(answer("TooManyRequestsException", 429, **{"retry-after": "3"}), "lambda:prod")
    assert isinstance(problem, Throttled)
    assert problem.retry_after == 3.0


def test_a_denied_call_names_the_action_to_allow() -> None:
    assert "lambda:PutFunctionConcurrency" in str(problem_of_answer(answer("AccessDenied", 403), "lambda:prod"))
    assert "iam:PutRolePolicy" in str(
        problem_of_answer(answer("AccessDenied", 403, operation="PutRolePolicy"), "iam:prod")
    )


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("PutUserPolicy", "iam:PutUserPolicy"),
        ("GetGroup", "iam:GetGroup"),
        ("AttachPolicy", "organizations:AttachPolicy"),
        ("LookupEvents", "cloudtrail:LookupEvents"),
        ("ListDistributions", "cloudfront:ListDistributions"),
        ("RegisterScalableTarget", "application-autoscaling:RegisterScalableTarget"),
        ("TagResource", "lambda:TagResource"),
        ("AssumeRole", "sts:AssumeRole"),
    ],
)
def test_the_action_to_allow_has_its_service(operation: str, action: str) -> None:
    assert f"allow {action} for" in str(problem_of_answer(answer("AccessDenied", 403, operation=operation), "x"))


def test_a_rejected_signature_never_quotes_the_session_token() -> None:
    told = "The request signature does not match.\n\nx-amz-security-token:SECRETTOKEN\n"
    problem = problem_of_answer(answer("SignatureDoesNotMatch", 403, message=told), "iam:prod")
    assert "SECRETTOKEN" not in repr(problem) + str(problem)


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException", "RequestTimeTooSkewed"])
@pytest.mark.parametrize("hours", [1, -1])
def test_a_signature_of_another_time_is_laid_to_the_clock_and_not_to_the_keys(code: str, hours: int) -> None:
    there = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    problem = problem_of_answer(answer(code, 403, message="Signature expired", date=there), "lambda:prod")
    assert isinstance(problem, Unauthenticated)
    assert "clock" in problem.what
    assert "NTP" in problem.todo
    now = format_datetime(datetime.now(UTC), usegmt=True)
    assert "clock" not in str(problem_of_answer(answer(code, 403, date=now), "lambda:prod"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (sdk.NoCredentialsError(), Unauthenticated),
        (sdk.ProfileNotFound(profile="nobody"), Unauthenticated),
        (sdk.ConnectTimeoutError(endpoint_url="http://x"), Unreachable),
        (sdk.ReadTimeoutError(endpoint_url="http://x"), Unreachable),
        (sdk.EndpointConnectionError(endpoint_url="http://x"), Unreachable),
        (sdk.ConnectionClosedError(endpoint_url="http://x"), Unreachable),
        (sdk.NoRegionError(), Refused),
        (sdk.ParamValidationError(report="bad"), Refused),
    ],
)
def test_a_failure_without_an_answer(error: sdk.BotoCoreError, expected: type[Problem]) -> None:
    assert type(problem_of_sdk(error, "lambda:prod")) is expected
