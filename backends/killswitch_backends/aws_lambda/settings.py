"""One ``[[lambda]]`` table of the configuration."""

from __future__ import annotations

from pydantic import Field

from killswitch_backends.aws_common.settings import AwsSettings


class LambdaSettings(AwsSettings):
    """Which account and region's functions, and how fast its control plane may be called."""

    calls_per_second: float = Field(default=15.0, gt=0, le=1000, strict=False)
    """AWS's limit for all control-plane calls but GetFunction, per account and region; it cannot be raised."""
