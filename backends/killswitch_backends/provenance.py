"""The seam for "what must be up for these credentials to work": said of a table's settings, without using them.

A platform's ``BackendKind`` that also has ``provenance`` looks at files and variables only: no request, no plugin is
run, no secret is returned. Nothing here may import an SDK.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a table's everyday credentials come from."""

    how: str
    """In words: ``profile oncall: an access key``."""
    hangs_on: str = ""
    """What else must be up: ``an SSO session``, ``the exec plugin aws-iam-authenticator``; empty where nothing must."""


@runtime_checkable
class Traceable(Protocol):
    """A ``BackendKind`` that can tell where a table's credentials come from."""

    def provenance(self, settings: Any) -> Provenance:
        """Look at what is configured. Blocks on files; never raises for what is not there: that is an answer too."""
        ...
