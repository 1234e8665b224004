"""The record of one halt: everything a status, a restore or a reviewer needs, frozen at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from killswitch_backends.protocol import Order, Profile
from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.approving import Approval
from killswitch_console.halting.cut_short import RestoreBegun
from killswitch_console.halting.plan import Collateral, Untouched
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.verdict import AgentOutcome, Unhalted, Verdict, outcomes, restore_verdict, verdict
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import BackendRef, TargetId


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltHeader:
    """What is fixed when a halt is confirmed."""

    halt_id: str
    scope: Scope
    environment: str
    profile: Profile
    reason: str
    incident: str | None
    invoker: Invoker
    invoked_at: datetime
    slo_seconds: float
    backend_slo: dict[str, float]
    """Published seconds per kind of backend in this halt."""
    agents: tuple[AgentKey, ...]
    untouched: tuple[Untouched, ...]
    collateral: tuple[Collateral, ...]
    blinded: bool
    """Whether something that could carry a process or credential could not be seen when it was planned."""
    drill: bool = False
    foreign: bool = False
    """Another bastion's halt: found by its marks on the platforms, or in the synchronised trail."""
    scope_known: bool = True
    """False where nothing but its marks is known of it: ``scope`` is then a guess, and counts as the widest."""
    newcomers: tuple[AgentKey, ...] = ()
    """Agents that appeared in the scope later and were halted by the hold; they are among ``agents`` too."""


def order_of(header: HaltHeader) -> Order:
    """The human decision behind a halt, as backends write it on targets."""
    return Order(
        halt_id=header.halt_id,
        invoker=str(header.invoker),
        reason=header.reason,
        at=header.invoked_at,
        profile=header.profile,
        incident=header.incident,
    )


@dataclass(frozen=True, slots=True)
class HaltRecord:
    """A halt as it stands: the header, every target's progress, and when it ended."""

    header: HaltHeader
    targets: tuple[TargetProgress, ...]
    ended_at: datetime | None = None
    restored_at: datetime | None = None
    """When a restore of it ended, whole or not; None while it is held."""
    warnings: tuple[str, ...] = ()
    """What went wrong beside the targets: a trail that could not be written, a mark that was refused."""
    approvals: tuple[Approval, ...] = ()
    """Second persons who agreed to its restore."""
    put_back_scopes: tuple[Scope, ...] = ()
    """Parts of it that were restored on their own: what appears there later is not halted any more."""
    restoring: RestoreBegun | None = None
    """A restore that began and has not come to its end: it is under way, or its process died."""
    selected: frozenset[TargetId] | None = None
    """In the record that a partial restore gives: what it was about."""

    @property
    def agents(self) -> tuple[AgentOutcome, ...]:
        """What is proven of each agent in scope."""
        left = tuple(Unhalted(key, u.layer) for u in self.header.untouched if u.layer for key in u.agents)
        goal = TargetState.STOPPED if self.restored_at is None else TargetState.RESTORED
        return outcomes(self.header.agents, self.targets, left, goal=goal)

    @property
    def verdict(self) -> Verdict:
        """What may be claimed of the halt, or of its restore once there was one."""
        if self.restored_at is not None:
            chosen = self.selected
            return restore_verdict(t for t in self.touched if chosen is None or t.target in chosen)
        let_go = self.let_go
        agents = [agent for agent in self.agents if agent.key not in let_go]
        targets = [t for t in self.targets if t.state is not TargetState.RESTORED or not let_go.issuperset(t.agents)]
        return verdict(agents, targets, blind=self.header.blinded)

    @property
    def let_go(self) -> frozenset[AgentKey]:
        """Agents that were put back whole by a partial restore: the halt says nothing of them any more."""
        left = {key for t in self.touched if t.state is not TargetState.RESTORED for key in t.agents}
        back = {key for t in self.touched if t.state is TargetState.RESTORED for key in t.agents}
        return frozenset(back - left)

    @property
    def touched(self) -> tuple[TargetProgress, ...]:
        """The targets it changed or may have changed: a request was sent, or could have been before it was cut short.

        That a request is on its way is not made durable on its own (the intent was), so a halt without an end may have
        changed every target whose prior state it holds.
        """
        cut_short = self.ended_at is None
        return tuple(t for t in self.targets if t.requested_at is not None or (cut_short and t.captured is not None))

    @property
    def held(self) -> bool:
        """Whether it stays in force: anything it changed, and has not put back, is still to be restored."""
        return any(t.holds for t in self.touched)

    @property
    def kept(self) -> tuple[TargetProgress, ...]:
        """The targets that a hold keeps halted."""
        return tuple(t for t in self.touched if t.kept)

    @property
    def revivals(self) -> int:
        """How often anything of it was revived and halted again."""
        return sum(t.revivals for t in self.targets)

    @property
    def evidence_at(self) -> datetime | None:
        """When the latest of its evidence was taken: of what nobody looks at any more, nothing later is known."""
        return max((t.evidence.at for t in self.targets if t.evidence), default=None)

    @property
    def proven_at(self) -> datetime | None:
        """When the last target was proven stopped; None while one is not (any more)."""
        planned = [t for t in self.targets if t.adopted_at is None]
        proven = [t.stopped_at for t in planned if t.stopped_at and (self.restored_at or t.state in _PROVEN)]
        return max(proven) if proven and len(proven) == len(planned) else None

    def elapsed(self, now: datetime) -> float:
        """Seconds from confirmation to proof, or until it ended, or until now."""
        end = self.proven_at or self.ended_at or now
        return (end - self.header.invoked_at).total_seconds()

    def slo_met(self, now: datetime) -> bool:
        """Whether every target was proven within the scope's objective."""
        return self.proven_at is not None and self.elapsed(now) <= self.header.slo_seconds

    def backends(self) -> tuple[BackendRef, ...]:
        """The backends it touches, in a stable order."""
        return tuple(sorted({t.target.backend for t in self.targets}))


_PROVEN = (TargetState.STOPPED, TargetState.RESTORED)
