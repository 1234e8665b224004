"""One ``[[iam]]`` table of the configuration."""

from __future__ import annotations

from pydantic import Field

from killswitch_backends.aws_common.settings import AwsSettings


class IamSettings(AwsSettings):
    """Which account's identities belong to agents, and how long AWS takes to enforce a change of theirs."""

    path_prefix: str = Field(default="/agents/", pattern=r"^/([\x21-\x7e]+/)?$")
    """Only identities under this path are looked at: the operator's word for what may be touched."""
    propagation_seconds: float = Field(default=10.0, ge=0, le=900, strict=False)
    """After this long a change is taken to be in force everywhere. AWS promises no figure; 3-4 s were measured."""
