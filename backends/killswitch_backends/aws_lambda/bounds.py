"""By when every run that began before a halt has ended: that is the proof, since Lambda shows nobody its runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from killswitch_backends.aws_lambda.functions import Function
from killswitch_backends.aws_lambda.settings import LambdaSettings

CLOCK_SLACK = timedelta(seconds=2)
"""Added to the bound: front ends that learn of the zero a moment late, and clocks that differ."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How long a run can last beside or beyond the Timeout that AWS shows now (see ``LambdaSettings``)."""

    init: timedelta
    earlier: timedelta

    @classmethod
    def of(cls, settings: LambdaSettings) -> RunLimits:
        return cls(timedelta(seconds=settings.init_seconds), timedelta(seconds=settings.earlier_timeout))

    def end_of_runs(self, accepted_at: datetime, timeout: int, function: Function | None = None) -> datetime:
        """When the longest run that may have begun before the change has ended.

        ``timeout`` is the largest of any version (seconds). With ``function`` as read just before the change, a Timeout
        that was lowered shortly before counts too: what ran then may have had the longest that AWS allows.
        """
        end = accepted_at + timedelta(seconds=max(timeout, function.timeout if function else 0))
        if function is not None and function.modified is not None:
            end = max(end, min(function.modified, accepted_at) + self.earlier)
        return end + self.init + CLOCK_SLACK
