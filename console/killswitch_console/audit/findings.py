"""What verifying a trail finds: which event or file, what is wrong with it, and how bad that is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from killswitch_console.audit.notes import Checkpoint

MOST_FINDINGS: Final = 20
"""Findings of one volume that are told; after those the rest of it is not worth reading."""

MOST_CALLS: Final = 5000
"""Calls of one volume that are compared with the platforms' own logs: the last ones."""


class Standing(StrEnum):
    """What a verification came to; the worst finding decides."""

    WHOLE = "whole"
    UNVERIFIABLE = "cannot be verified"
    TAMPERED = "tampered"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where, what, how bad."""

    standing: Standing
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class Call(NamedTuple):
    """A platform call that was answered, as the trail has it."""

    seq: int
    target: str
    request_id: str
    at: str


@dataclass(slots=True)
class VolumeReport:
    """What a pass over one volume found."""

    path: Path
    size: int = 0
    signed: int = 0
    checkpoint: Checkpoint | None = None
    """The last signed one, if it holds."""
    checkpoints: int = 0
    anchors: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=MOST_CALLS))
    """The last platform calls outside drills that have a request id, for the platforms' own logs."""
    recordings: dict[str, str] = field(default_factory=dict)
    """Files of recordings, each with the hash that its session gave."""
    retired: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """By log id: volumes that its events say were removed after they had been verified and anchored elsewhere."""
    first: Mapping[str, Any] = field(default_factory=dict)
    """The first event's particulars: how it follows another volume."""

    def tampered(self, where: str, what: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(Standing.TAMPERED, where, what))

    def unverifiable(self, where: str, what: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(Standing.UNVERIFIABLE, where, what))


def standing(findings: Iterable[Finding]) -> Standing:
    """The worst of some findings."""
    found = {finding.standing for finding in findings}
    for worst in (Standing.TAMPERED, Standing.UNVERIFIABLE):
        if worst in found:
            return worst
    return Standing.WHOLE
