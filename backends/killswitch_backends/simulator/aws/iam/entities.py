"""IAM's roles, users and groups, each with what the control plane says and what the data plane already knows.

A policy change is visible to the control plane at once and to the data plane later: the snapshot that it makes waits in
``_pending`` until its time has come. Nothing here knows a wire protocol or the operations' wording.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from killswitch_backends.simulator.aws.iam.documents import Document


class Kind(StrEnum):
    """The kinds of IAM identity, spelt as in their ARNs."""

    ROLE = "role"
    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Managed:
    """A managed policy: AWS's own or the customer's."""

    name: str
    arn: str
    identifier: str
    path: str
    document: Document
    created: datetime


@dataclass(frozen=True, slots=True)
class Grants:
    """Everything that decides what an identity may do, as one immutable snapshot."""

    documents: tuple[Document, ...] = ()
    boundary: Document | None = None
    groups: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Entity:
    """A role, a user or a group."""

    kind: Kind
    name: str
    path: str
    arn: str
    identifier: str
    created: datetime
    tags: dict[str, str] = field(default_factory=dict)
    inline: dict[str, Document] = field(default_factory=dict)
    attached: dict[str, Managed] = field(default_factory=dict)
    """By the policy's ARN, in the order they were attached."""
    boundary: Managed | None = None
    groups: list[str] = field(default_factory=list)
    """Of a user: the names of its groups."""
    trust: Document | None = None
    """Of a role: who may assume it."""
    description: str = ""
    max_session: int = 3600
    service: str = ""
    """Of a service-linked role: the service that alone may change it."""
    _effective: Grants = Grants()
    _pending: deque[tuple[float, Grants]] | None = None

    def granted(self) -> Grants:
        """What the control plane says now."""
        documents = (*self.inline.values(), *(policy.document for policy in self.attached.values()))
        return Grants(documents, self.boundary.document if self.boundary else None, tuple(self.groups))

    def settle(self) -> None:
        """Let the data plane know all at once (when the world is made, before anything calls)."""
        self._effective, self._pending = self.granted(), None

    def changed(self, *, reaches_at: float) -> None:
        """Note a policy change that reaches the data plane at this monotonic time; none overtakes another."""
        self._pending = self._pending or deque()
        if self._pending:
            reaches_at = max(reaches_at, self._pending[-1][0])
        self._pending.append((reaches_at, self.granted()))

    def effective(self, now: float) -> Grants:
        """What the data plane knows at this monotonic time."""
        pending = self._pending
        while pending and pending[0][0] <= now:
            self._effective = pending.popleft()[1]
        if pending is not None and not pending:
            self._pending = None
        return self._effective


def inline_size(documents: Sequence[Document]) -> int:
    """The aggregate size of inline policies, as their quota counts it."""
    return sum(document.size for document in documents)
