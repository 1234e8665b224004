"""The seam for break-glass: how a table is opened with another credential than its everyday one.

A platform's ``BackendKind`` that also has ``with_emergency`` can be opened when normal credentials fail. Nothing here
may import an SDK; nothing that implements it may write a secret to a disk, an environment or a log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from killswitch_backends.protocol import Surroundings

Lend = Callable[[str, str], Path]
"""Puts a text under a name into memory that only this process sees, and gives a path by which it can be opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyCredential:
    """A break-glass credential for one table, in the clear."""

    kind: str
    """``aws-key``, ``kubernetes-certificate``, ``launchdarkly-token``."""
    fields: Mapping[str, str] = field(repr=False)


class UnusableCredential(Exception):
    """A platform cannot be opened with a credential of that kind."""


@runtime_checkable
class EmergencyKind(Protocol):
    """A ``BackendKind`` that can be opened with a break-glass credential."""

    def with_emergency(
        self, settings: Any, surroundings: Surroundings, credential: EmergencyCredential, lend: Lend
    ) -> tuple[Any, Surroundings]:
        """The table's settings and surroundings as they are with that credential.

        Raises:
            UnusableCredential: when its kind cannot open this platform.
        """
        ...
