"""What goes over the wire between agents, board and readers."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

Scalar = bool | int | float | str | None


class InstanceState(StrEnum):
    """How the board stands with an instance."""

    REPORTING = "reporting"
    LOST = "lost"
    """It was cut off, frozen or killed: what it holds is not known."""
    ENDED = "ended"
    """It said that it ends."""


class WireReport(BaseModel):
    """What an instance sends: the version it evaluated last, of each flag it asks."""

    model_config = ConfigDict(extra="ignore", strict=True)

    flags: dict[str, int] = Field(max_length=500)
    defaults: dict[str, Scalar] = Field(default_factory=dict, max_length=500)
    """What its code goes by where it has no flag: the third argument of ``variation``."""


class WireChange(BaseModel):
    """One report as readers get it."""

    model_config = ConfigDict(extra="ignore")

    agent: str
    instance: str
    flags: dict[str, int]
    defaults: dict[str, Scalar] = Field(default_factory=dict)
    state: InstanceState


class WireAnswer(BaseModel):
    """What changed since a reader's last answer; with another ``epoch``, all there is."""

    model_config = ConfigDict(extra="ignore")

    epoch: str
    at: int
    reports: list[WireChange]
