"""One ``[[lambda]]`` table of the configuration."""

from __future__ import annotations

from pydantic import Field

from killswitch_backends.aws_common.settings import AwsSettings


class LambdaSettings(AwsSettings):
    """Which account and region's functions, and how fast its control plane may be called."""

    calls_per_second: float = Field(default=15.0, gt=0, le=1000, strict=False)
    """AWS's limit for all control-plane calls but GetFunction, per account and region; it cannot be raised."""
    init_seconds: float = Field(default=10.0, ge=0, le=900, strict=False)
    """How long a new execution environment may initialise before a run's Timeout begins to count (AWS allows 10 s)."""
    earlier_timeout: int = Field(default=900, ge=0, le=900)
    """Seconds a run may still have had as its Timeout if it began before the function's last change: AWS tells the
    present Timeout only, and allows 900. It counts for functions changed within that time; lower it only where nothing
    in the account has, or had, a longer one."""
