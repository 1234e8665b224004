"""Names that what is kept of drills goes by; apart, so that whoever only reads it imports no engine."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

BROKEN_OFF: Final = ("aborted", "a real event")
"""How the reason begins for which a drill ended that does not count."""


class PlayerKind(StrEnum):
    """Who plays, if no person does."""

    PERFECT = "perfect"
    SILENT = "silent"
    WRONG_SCOPE = "wrong-scope"
