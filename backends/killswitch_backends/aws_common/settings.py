"""What every AWS table of the configuration has in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _as_path(value: object) -> object:
    """TOML has no paths: take text, leave everything else to the strict check."""
    return Path(value).expanduser() if isinstance(value, str) else value


FilePath = Annotated[Path, BeforeValidator(_as_path)]


class AwsSettings(BaseModel):
    """Which account and region, and as whom: explicit keys win over every AWS environment variable."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: str = Field(min_length=1, pattern=r"^[^/\s]+$")
    region: str | None = Field(default=None, pattern=r"^[a-z0-9-]+$")
    """None: the chain's own region."""
    account: str | None = Field(default=None, pattern=r"^\d{12}$")
    """The account this table is meant for: with credentials of another one, nothing is read or changed."""
    profile: str | None = Field(default=None, min_length=1)
    credentials_file: FilePath | None = None
    """An AWS shared credentials file to use instead of every other source (the simulator writes one)."""
    endpoint_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Another address for every service, e.g. the simulator's; wins over ``AWS_ENDPOINT_URL*``."""
