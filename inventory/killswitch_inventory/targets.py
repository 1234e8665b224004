"""Targets: the platform resources whose change stops an agent at one layer.

Kept apart from agents because a target exists, and is halted, whether or not any agent is known to use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Layer(StrEnum):
    """Where a target stops an agent (design.md section 1)."""

    PROCESS = "process"
    CREDENTIAL = "credential"
    CAPABILITY = "capability"


class TargetIdError(ValueError):
    """A text that is not a target id; the message says what one looks like."""


@dataclass(frozen=True, slots=True, order=True)
class BackendRef:
    """One configured platform connection: the backend's kind and its table's ``name``.

    Written ``kubernetes:prod``.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class TargetId:
    """The one name of a target everywhere: ``kubernetes:prod/payments/Deployment/refund-1``.

    ``path`` is what follows the backend's name; its shape is the backend's own (design.md section 6).
    """

    backend: BackendRef
    path: str

    def __str__(self) -> str:
        return f"{self.backend}/{self.path}"

    @classmethod
    def parse(cls, text: str) -> TargetId:
        """Read ``KIND:NAME/PATH``.

        Raises:
            TargetIdError: when a part is missing.
        """
        kind, colon, rest = text.partition(":")
        name, slash, path = rest.partition("/")
        if not (kind and colon and name and slash and path):
            raise TargetIdError(f"{text!r} is not a target id; expected e.g. 'lambda:prod/refund-1'")
        return cls(BackendRef(kind, name), path)
