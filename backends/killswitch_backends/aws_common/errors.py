"""AWS's errors as the console's problems: by error code, never by wording.

Apart because which code means "nothing was applied" and which means "nobody knows" is what makes a halt safe to repeat.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from killswitch_backends.clocks import server_time
from killswitch_backends.problems import Gone, Problem, Refused, Throttled, Unauthenticated, Unreachable, Unsupported

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

THROTTLES = frozenset({
    "TooManyRequestsException", "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded",
    "RequestThrottled", "RequestThrottledException", "SlowDown", "PriorRequestNotComplete",
})  # fmt: skip
BUSY = frozenset({
    "ResourceConflictException", "ResourceInUseException", "ConcurrentModification", "ConcurrentModificationException",
    "EntityTemporarilyUnmodifiable",
})  # fmt: skip
"""Another change of the same target is under way; ours was not applied, and will be accepted in a moment."""
BUSY_SECONDS = 1.0
GONE = frozenset({
    "ResourceNotFoundException", "NoSuchEntity", "NoSuchEntityException",
    "ProvisionedConcurrencyConfigNotFoundException",
})  # fmt: skip
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
WRONG_CREDENTIALS = frozenset({
    "InvalidClientTokenId", "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken",
    "MissingAuthenticationTokenException", "AuthFailure", "InvalidToken", "InvalidIdentityToken",
    "NotAuthorized",
})  # fmt: skip
SIGNED_AT_A_TIME = frozenset({
    "SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed",
})  # fmt: skip
"""Said of a wrong key, and as well of a clock that is off: the answer's own ``Date`` tells which."""
SIGNATURES_LAST = 300.0
"""Seconds that the signer's clock may be from AWS's."""
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
UNMODIFIABLE = frozenset({"UnmodifiableEntity", "UnmodifiableEntityException"})
_LONGEST_MESSAGE = 240


def code_of(error: ClientError) -> str:
    """The platform's error code, without the query protocol's prefix."""
    return str(error.response.get("Error", {}).get("Code", "")).rsplit("#", 1)[-1]


def _message_of(error: ClientError) -> str:
    """The first line of what AWS said: a rejected signature's other lines quote the request, session token included."""
    text = str(error.response.get("Error", {}).get("Message", "")).strip()
    return text.splitlines()[0][:_LONGEST_MESSAGE] if text else ""


def _retry_after(error: ClientError) -> float | None:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    told = headers.get("retry-after") or error.response.get("retryAfterSeconds")
    try:
        seconds = float(str(told)) if told is not None else None
    except ValueError:
        return None  # Retry-After may be a date; then our own pace decides
    return None if seconds is None or math.isnan(seconds) else seconds


def _clocks_apart(error: ClientError) -> float:
    """Seconds between the answer's ``Date`` and now; 0 without one."""
    told = server_time(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))
    return abs((datetime.now(UTC) - told).total_seconds()) if told else 0.0


def problem_of_answer(error: ClientError, where: str) -> Problem:
    """What an error answer of AWS means for a halt."""
    code, status = code_of(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    operation = error.operation_name
    words = f"{operation}: {code}" + (f": {_message_of(error)}" if _message_of(error) else "")
    if code in SIGNED_AT_A_TIME and (apart := _clocks_apart(error)) > SIGNATURES_LAST:
        what = f"this machine's clock and AWS's are {apart:.0f} s apart, so it takes no request of ours"
        return Unauthenticated(where, f"{what} ({operation}: {code})", todo="set this machine's clock by NTP")
    if code in EXPIRED:
        return Unauthenticated(where, f"its credentials have expired ({operation}: {code})", todo="renew them")
    if code in WRONG_CREDENTIALS:
        todo = "correct `profile` or `credentials_file` of this table, or the keys there"
        return Unauthenticated(where, f"AWS does not know its credentials ({operation}: {code})", todo=todo)
    if code in DENIED:
        return Refused(where, f"not allowed: {words}", todo=f"allow {_action(operation)} for the console's identity")
    if code in THROTTLES or status == 429:
        return Throttled(where, words, retry_after=_retry_after(error))
    if code in BUSY:
        return Throttled(where, f"another change is under way: {words}", retry_after=BUSY_SECONDS)
    if code in GONE:
        return Gone(where, words)
    if code in UNMODIFIABLE:
        return Unsupported(where, words, todo="only the AWS service it is linked to can change it; stop that service")
    if status >= 500:
        return Unreachable(where, words)
    return Refused(where, words)


def problem_of_sdk(error: BotoCoreError, where: str) -> Problem:
    """What a failure on our side of the wire means: no answer, no credentials, or a request AWS would never take."""
    from botocore import exceptions as sdk

    credentials = (
        sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.CredentialRetrievalError, sdk.ProfileNotFound,
        sdk.TokenRetrievalError, sdk.SSOError, sdk.InvalidConfigError, sdk.RefreshWithMFAUnsupportedError,
    )  # fmt: skip
    if isinstance(error, credentials):
        return Unauthenticated(where, _one_line(error), todo="check `profile` and `credentials_file` of this table")
    if isinstance(error, sdk.NoRegionError):
        return Refused(where, "no region is configured", todo="set `region` in this table")
    if isinstance(error, (sdk.HTTPClientError, sdk.ConnectionError)):  # refused, reset, broken, timed out
        return Unreachable(where, _one_line(error))
    return Refused(where, _one_line(error))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST_MESSAGE]


_SERVICES = {
    "GetResources": "tag",
    "GetMetricData": "cloudwatch",
    "GetCallerIdentity": "sts",
    "AssumeRole": "sts",
    "LookupEvents": "cloudtrail",
    "ListDistributions": "cloudfront",
    "DescribeScalableTargets": "application-autoscaling",
    "RegisterScalableTarget": "application-autoscaling",
    "ListPodIdentityAssociations": "eks",
    "DescribePodIdentityAssociation": "eks",
    "AttachPolicy": "organizations",
    "DetachPolicy": "organizations",
    "DescribePolicy": "organizations",
    "ListTargetsForPolicy": "organizations",
    "SimulatePrincipalPolicy": "iam",
}
_IAM_WORDS = ("Role", "User", "Group", "AccountAuthorization")
_LAMBDA_WORDS = ("Function", "EventSource", "Provisioned", "Versions", "Resource", "Durable")


def _action(operation: str) -> str:
    """The IAM action of an operation: of those that this console calls, its name tells the service."""
    if service := _SERVICES.get(operation):
        return f"{service}:{operation}"
    if any(word in operation for word in _IAM_WORDS):
        return f"iam:{operation}"
    if any(word in operation for word in _LAMBDA_WORDS):
        return f"lambda:{operation}"
    return operation
