"""One ``[[iam]]`` table of the configuration."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field

from killswitch_backends.aws_common.settings import AwsSettings

SCP_PREFIX = "scp/"
_POLICY_ID = r"p-[0-9a-zA-Z_]{8,128}"


def is_organization_policy(path: str) -> bool:
    """Whether a target's path names an organisation policy: ``scp/p-examplepolicy1``."""
    return re.fullmatch(f"{SCP_PREFIX}{_POLICY_ID}", path) is not None


class Scp(BaseModel):
    """An organisation policy that was prepared in advance, and where attaching it stops everything at one call."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    policy_id: str = Field(pattern=f"^{_POLICY_ID}$")
    target_id: str = Field(pattern=r"^(r-[0-9a-z]{4,32}|\d{12}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$")
    """An account, an organisational unit or a root."""


class IamSettings(AwsSettings):
    """Which account's identities belong to agents, and how long AWS takes to enforce a change of theirs."""

    path_prefix: str = Field(default="/agents/", pattern=r"^/([\x21-\x7e]+/)?$")
    """Identities under this path are looked at, and those elsewhere that carry a ``[labels]`` key as a tag."""
    propagation_seconds: float = Field(default=10.0, ge=0, le=900, strict=False)
    """After this long a change is taken to be in force everywhere. AWS promises no figure; 3-4 s were measured."""
    probe: bool = False
    """Whether the console proves a role's deny by assuming the role (which must trust it) and being refused."""
    scp: Scp | None = None
    eks_clusters: tuple[str, ...] = Field(default=(), strict=False)
    """EKS clusters of this account and region whose Pod Identity associations tie pods to roles."""
