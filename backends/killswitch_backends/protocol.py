"""The seam between the halting engine and a platform: sight, preflight, capture, halt, observe, restore.

A platform is one package that registers a ``BackendKind`` under the entry point group ``killswitch.backends``; its
entry point's name is the configuration table's name. Nothing here may import an SDK or know a particular platform.

Rules every backend keeps:

* ``halt`` and ``restore`` are idempotent; repeating one that was applied, but whose answer was lost, changes nothing.
* Failures are the types of ``problems.py``. Whatever else escapes is a defect of the backend.
* Nothing waits without a limit: every request has a time limit of seconds.
* The engine retries, orders and times; a backend does one thing to one target, within its own call budget.
* ``stopped`` is only ever said by an ``Observation``, with evidence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel

from killswitch_backends.problems import Problem
from killswitch_inventory.sightings import HaltMark, Sighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId

Json = Any
"""A value that ``json.dumps`` takes."""


class Profile(StrEnum):
    """How gently a halt ends processes (design.md section 1)."""

    IMMEDIATE = "immediate"
    GRACEFUL = "graceful"
    FORCE = "force"


class Grade(StrEnum):
    """How good a piece of evidence is (design.md section 3)."""

    OBSERVED = "observed"
    BOUNDED = "bounded"
    ACKNOWLEDGED = "acknowledged"
    NONE = "none"

    @property
    def proves(self) -> bool:
        """Whether this grade may stand behind the word ``stopped``."""
        return self in (Grade.OBSERVED, Grade.BOUNDED)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why something is believed, since when, in words a person can check."""

    grade: Grade
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Captured:
    """What a target was before a halt touched it, in its backend's own JSON-able words.

    ``prior`` must hold all that ``restore`` needs, also in another process on another bastion, and all that a field by
    field comparison would look at. If the target already carries a halt's mark, ``prior`` is what that mark recorded
    (never the halted state) and ``marked_by`` is that halt's id.
    """

    target: TargetId
    prior: Mapping[str, Json]
    at: datetime
    running: int = 0
    """What runs there now: the engine halts the most dangerous first."""
    marked_by: str | None = None
    already_off: bool = False
    """It was at zero, denied or off before the halt: the halt still pins it, the restore leaves it so."""
    original: Mapping[str, Json] | None = None
    """What it was before the halt, where ``prior`` is only what a re-assertion replaces."""

    @property
    def before(self) -> Mapping[str, Json]:
        """What a mark must tell: what the target was before the halt, never what a revival made of it."""
        return self.prior if self.original is None else self.original

    @property
    def shown(self) -> dict[str, Json]:
        """The prior state as documents and the audit trail may have it.

        What ``SEALED`` names may hold secrets (a pod's manifest has its environment): a digest stands in for it there,
        and the whole of it is in the ledger alone.
        """
        return {key: digest(value) if key in SEALED else value for key, value in self.prior.items()}


SEALED = frozenset({"manifest"})
"""Keys of a prior state whose values never leave the ledger."""


def digest(value: Json) -> str:
    """A fingerprint of a value: equal for equal ones, whatever the order of their keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Preflight:
    """What halting one target would mean, found without changing anything."""

    target: TargetId
    action: str
    """What the halt does to it, in words: ``scale 3 -> 0``, ``reserve 0 of 10, disable 2 event sources``."""
    api_calls: int
    """Calls that halting it (not proving it) spends of the backend's budget."""
    unsupported: str | None = None
    """Why this kind has no sound mechanism, and what to do instead."""
    lockout: str | None = None
    """Set when halting it would hit the identity this console acts as (safety rule 4)."""
    risks: tuple[str, ...] = ()
    """What could revive it, and what the halt will lose (asynchronous events, ...)."""


@dataclass(frozen=True, slots=True)
class Order:
    """The human decision a change carries out; backends write it on the target where the platform can carry a mark."""

    halt_id: str
    invoker: str
    reason: str
    at: datetime
    profile: Profile = Profile.IMMEDIATE
    incident: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The platform took the change. An acknowledgement: proof of nothing yet."""

    target: TargetId
    at: datetime
    request_id: str | None = None
    bound: datetime | None = None
    """When nothing can outlive the change any more (UTC), where the platform gives such a bound."""
    detail: str = ""
    halted: Mapping[str, Json] = field(default_factory=dict)
    """The fields as the halt left them, so that a restore can tell what changed since."""


@dataclass(frozen=True, slots=True)
class Watch:
    """One target to be proven, with all an observer needs after a restart: it holds no state of its own."""

    captured: Captured
    accepted: Accepted

    @property
    def target(self) -> TargetId:
        return self.captured.target


class Sight(StrEnum):
    """What an observer sees of a halted target."""

    ACTING = "acting"
    """Not halted (any more): a revival, or an ambiguous change that was never applied."""
    DRAINING = "draining"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class AgentReports:
    """What instances of agents say themselves of a change, each as ``AGENT/INSTANCE``.

    Their word only: shown beside the evidence, never part of it, and no state follows from it.
    """

    current: tuple[str, ...] = ()
    """They have evaluated what the halt made."""
    behind: tuple[str, ...] = ()
    """What they evaluated last is from before the halt: a task begun then may go on."""
    lost: tuple[str, ...] = ()
    """They were behind when they were last heard of."""
    ended: tuple[str, ...] = ()
    """They said that they end."""
    problem: str = ""
    """Why the reports cannot be read now; what is listed is then as old as that."""

    def silent(self, agents: Iterable[str]) -> tuple[str, ...]:
        """The agents of which no instance reports: they may hold a stale value until they reconnect."""
        heard = {name.partition("/")[0] for name in (*self.current, *self.behind, *self.lost, *self.ended)}
        return tuple(sorted(set(agents) - heard))


@dataclass(frozen=True, slots=True)
class Observation:
    """An independent look at one halted target."""

    target: TargetId
    sight: Sight
    at: datetime
    evidence: Evidence | None = None
    running: int | None = None
    note: str = ""
    """One line: what is still there (``2 pods terminating, 11 s of grace left``), or who revived it."""
    reports: AgentReports | None = None
    """What agents say themselves of the change, where agents can; None where the platform's own view is all."""
    announced: HaltMark | None = None
    """The halt's mark as it was read last since the watch began, where that was read: a restore is announced by it if
    it names a restorer (``restores.py``)."""

    def __post_init__(self) -> None:
        if self.sight is Sight.STOPPED and not (self.evidence and self.evidence.grade.proves):
            raise ValueError(f"{self.target}: 'stopped' without evidence that proves it")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that is not as the halt left it: ``field``, what the halt set, what is there now."""

    field: str
    expected: Json
    found: Json


@dataclass(frozen=True, slots=True)
class Restored:
    """A restore that was read back and equals the prior state."""

    target: TargetId
    at: datetime
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the console acts as on one platform, as the platform itself says."""

    name: str
    """E.g. an ARN, a Kubernetes user name, a LaunchDarkly token's name."""
    account: str = ""
    """Where: an AWS account id, a cluster's server address, a LaunchDarkly project."""
    related: tuple[str, ...] = ()
    """Other identities that must not be halted with it: the role behind an assumed-role session, its groups."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The platform's rate limit as the console spends it; ``calls_per_second`` None means none is known."""

    calls_per_second: float | None
    burst: int = 1
    parallel: int = 32
    """How many halts the engine may have under way at once on this backend."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A target for which an operation over many gave no result."""

    target: TargetId
    problem: Problem


class Backend(Protocol):
    """One open connection to one platform (one configuration table)."""

    @property
    def ref(self) -> BackendRef: ...

    @property
    def layer(self) -> Layer: ...

    @property
    def budget(self) -> Budget: ...

    async def identity(self) -> Identity:
        """Ask the platform who we are. Raises a ``Problem`` where it cannot be had."""
        ...

    def sight(self) -> AsyncIterator[Sighting]:
        """Report everything (``ListingStarted`` ... ``ListingComplete``), then changes, until closed.

        Never raises for a platform's failure: yields ``SightingFailed``, waits with back-off, lists anew.
        """
        ...

    async def preflight(self, targets: Sequence[TargetId]) -> Sequence[Preflight]:
        """Say for each target what its halt would do. Changes nothing; uses what is already known where it can."""
        ...

    def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        """Read prior states, in bulk where the platform can, one item per target in any order.

        ``fresh`` False may answer from the sight stream's own record when that is complete and live; a halt is still
        exact because the change itself verifies what it replaces (or re-reads) and raises ``Changed`` otherwise.
        """
        ...

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        """Make the change on one target whose prior state is durable. Raises a ``Problem``."""
        ...

    def observe(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        """Look at halted targets until closed, pushing where the platform can, polling within the budget elsewhere.

        ``watches`` grows while the halt proceeds: each target is looked at from the moment it arrives, and the end of
        ``watches`` does not end the observation. Yields at least one observation per target, then one whenever the
        sight of a target changes; goes on after ``stopped`` so that revivals are seen. Never raises for a platform's
        failure: yields ``unknown`` with a note, and looks again.
        """
        ...

    async def restore(self, watch: Watch, order: Order) -> Restored:
        """Put one target back field by field, read it back, remove the mark.

        Raises:
            Conflict: when a field the halt set is no longer as the halt left it. Nothing is changed then.
            Problem: any other failure.
        """
        ...


@runtime_checkable
class Comparing(Protocol):
    """What a backend may offer besides: to say what a restore would find changed, without changing anything."""

    async def compare(self, watch: Watch, order: Order) -> Sequence[FieldChange]:
        """The fields for which ``restore`` would raise ``Conflict``; none if it would not. Raises a ``Problem``."""
        ...


@runtime_checkable
class ShowsInstances(Protocol):
    """What a backend may say of itself: its sight stream tells of running instances as they come and go."""

    @property
    def shows_instances(self) -> bool: ...


@runtime_checkable
class TellsAnswers(Protocol):
    """What a backend may say of itself: whether its platform answers at all, a refusal included."""

    @property
    def unanswered_since(self) -> float | None:
        """Since when, on the running loop's clock, requests are out without any answer; None: none is."""
        ...


@dataclass(frozen=True, slots=True)
class LabelKeys:
    """The label and tag keys that name an agent, its class and its tenant (``[labels]`` of the configuration)."""

    agent: str = "agent"
    agent_class: str = "agent-class"
    tenant: str = "agent-tenant"
    canary: str = "killswitch-canary"
    """With the value ``true`` (a flag: the tag alone) it says that a target exists to be halted in drills."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the console lends a backend it opens."""

    environment: str
    labels: LabelKeys
    secret: Callable[[str], Awaitable[str]]
    """Resolve a secret reference (``keyring:NAME``, ``env:NAME``, ``file:PATH``) to its value. Never log the result."""
    now: Callable[[], datetime]


class BackendKind(Protocol):
    """What an entry point of the group ``killswitch.backends`` names: one object per platform."""

    kind: ClassVar[str]
    layer: ClassVar[Layer]
    settings: ClassVar[type[BaseModel]]
    """A strict model of one configuration table, with at least ``name``."""

    def open(self, settings: Any, surroundings: Surroundings) -> AbstractAsyncContextManager[Backend]:
        """Open one table. Cheap: no request, no SDK import that is not needed at once. Raises a ``Problem``."""
        ...
