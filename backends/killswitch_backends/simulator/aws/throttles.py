"""How each service throttles: its token buckets per region, and the error it answers when one is empty."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from killswitch_backends.simulator.aws.behaviour import Rate
from killswitch_backends.simulator.aws.buckets import TokenBucket
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.clock import Clock

_GLOBAL = ""


class Throttle:
    """Token buckets by name. A bucket that has no rate never throttles."""

    def __init__(
        self,
        rates: Mapping[str, Rate],
        *,
        clock: Clock,
        error: Callable[[float], AwsError],
        regional: bool = True,
    ) -> None:
        self._rates = rates
        self._clock = clock
        self._error = error
        self._regional = regional
        self._buckets: dict[tuple[str, str], TokenBucket] = {}

    def take(self, bucket: str, *, region: str) -> None:
        """Spend one call. Raises the service's own throttling ``AwsError`` when there is none left."""
        rate = self._rates.get(bucket)
        if rate is None:
            return
        key = (bucket, region if self._regional else _GLOBAL)
        tokens = self._buckets.get(key)
        if tokens is None:
            tokens = self._buckets[key] = TokenBucket(rate, clock=self._clock)
        wait = tokens.take()
        if wait > 0:
            raise self._error(wait)


def throttling(_wait: float) -> AwsError:
    """What IAM, STS, tagging and CloudWatch answer: no hint when to come back."""
    return AwsError("Throttling", "Rate exceeded")


def too_many_requests(wait: float) -> AwsError:
    """What Lambda's control plane answers."""
    return AwsError(
        "TooManyRequestsException",
        "Rate exceeded",
        status=429,
        fields={"message": "Rate exceeded", "Reason": "CallerRateLimitExceeded"},
        headers={"Retry-After": str(max(1, math.ceil(wait)))},
    )
