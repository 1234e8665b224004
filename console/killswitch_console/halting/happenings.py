"""What each step of a halt or restore leaves in the audit trail: kinds of events and their particulars. Pure.

Numbers of seconds are integer milliseconds. Lists that a fleet can make long are cut, and say how much is missing;
intents are not: every target's prior state is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from killswitch_backends.protocol import Order, digest
from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.confirmation import required_confirmation
from killswitch_console.halting.cut_short import RestoreBegun
from killswitch_console.halting.document import moment
from killswitch_console.halting.escalating import Escalated
from killswitch_console.halting.plan import Plan, Untouched
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltHeader, HaltRecord
from killswitch_console.halting.recording import Happening
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.targets import TargetId

MOST = 200
"""Entries of one list in one event."""

_SILENT = (TargetState.PENDING, TargetState.REQUESTED, TargetState.ACCEPTED)
"""States that the intent and the call already tell."""


def plan_shown(plan: Plan) -> Happening:
    """A person was shown what a halt would do."""
    return "plan.shown", {
        "scope": str(plan.scope),
        "environment": plan.environment,
        "profile": str(plan.profile),
        "agents": _some([str(agent.key) for agent in plan.agents]),
        "targets": _some([f"{t.target}: {t.action or t.problem or 'halt'}" for t in plan.targets]),
        "untouched": _some([f"{u.id}: {u.reason}" for u in plan.untouched]),
        "collateral": _some([f"{c.target}: {', '.join(map(str, c.agents))}" for c in plan.collateral]),
        "risks": _some(list(plan.risks)),
        "blind": [str(view.ref) for view in plan.blind],
        "acts_as": _some([f"{one.backend}: {one}" for one in plan.identities]),
    }


def refused(action: str, scope: str, why: str) -> Happening:
    """Something was asked for and not done."""
    return "action.refused", {"action": action, "scope": scope, "why": why}


def escalating(header: HaltHeader, invoker: Invoker, targets: Iterable[TargetProgress]) -> Happening:
    """A person has laggards ended without their grace: before it is done."""
    return "halt.escalating", {
        **_header(header),
        "by": asdict(invoker),
        "targets": _some([str(target.target) for target in targets]),
    }


def escalated(done: Sequence[Escalated]) -> Happening:
    """Laggards were ended without their grace."""
    return "halt.escalated", {
        "targets": _some([f"{one.target}: {one.problem or one.detail or 'done'}" for one in done]),
        "failed": sum(bool(one.problem) for one in done),
    }


def halt_confirmed(header: HaltHeader) -> Happening:
    """A person confirmed a halt: by the text that this scope takes."""
    return "halt.confirmed", {
        **_header(header),
        "confirmation": required_confirmation(header.scope, header.environment),
        "invoked_at": moment(header.invoked_at),
        "slo_ms": _ms(header.slo_seconds),
        "backend_slo_ms": {kind: _ms(seconds) for kind, seconds in header.backend_slo.items()},
        "agents": _some([str(key) for key in header.agents]),
        "untouched": _some([f"{u.id}: {u.reason}" for u in header.untouched]),
        "collateral": _some([f"{c.target}: {', '.join(map(str, c.agents))}" for c in header.collateral]),
        "blind": header.blinded,
    }


def halt_resumed(header: HaltHeader) -> Happening:
    """An interrupted halt goes on."""
    return "halt.resumed", _header(header)


def intent(targets: Iterable[TargetProgress]) -> Happening:
    """What is about to be changed, and what it was before: all that a restore from the trail alone needs."""
    return "halt.intent", {"targets": [_intended(t) for t in targets]}


def _intended(target: TargetProgress) -> dict[str, Any]:
    """The trail makes text inert and blanks secrets; the digest tells whether what it holds is still exact."""
    captured = target.captured
    told: dict[str, Any] = {
        "target": str(target.target),
        "layer": str(target.layer),
        "agents": [str(key) for key in target.agents],
        "prior": captured.shown if captured else None,
        "running": target.running,
    }
    if captured is not None:
        told |= {"captured_at": captured.at, "sha256": digest(captured.prior)}
        told |= {"already_off": True} if captured.already_off else {}
        told |= {"marked_by": captured.marked_by} if captured.marked_by else {}
    return told


def moved(before: TargetProgress, after: TargetProgress) -> Iterator[Happening]:
    """What a target's step says: a call that was answered, a failed attempt, a new state with its evidence."""
    if after.accepted is not None and after.accepted is not before.accepted:
        yield _call(after)
    if after.error and after.error != before.error:
        yield "target.error", {**_which(after), "state": str(after.state), "error": after.error}
    if after.state is not before.state and after.state not in _SILENT:
        yield _state(before, after)


def halt_ended(record: HaltRecord, now: datetime) -> Happening:
    """A halt came to its end, with this verdict."""
    return "halt.ended", {**_header(record.header), **_outcome(record, now), "slo_met": record.slo_met(now)}


def hold_begun(header: HaltHeader, targets: int) -> Happening:
    """A console keeps a halt in force from now on."""
    return "hold.begun", {**_header(header), "targets": targets}


def hold_ended(header: HaltHeader, why: str) -> Happening:
    """A console stops keeping a halt in force."""
    return "hold.ended", {**_header(header), "why": why}


def halt_yielded(header: HaltHeader, by: str, ordered_at: str) -> Happening:
    """Another console restores it while it is under way: what that puts back is not halted again."""
    return "halt.yielded", {**_header(header), "by": by, "ordered_at": ordered_at}


def hold_yielded(header: HaltHeader, by: str, ordered_at: str) -> Happening:
    """Another console restores it, by its own word on the targets: what that puts back is held no more."""
    return "hold.yielded", {**_header(header), "by": by, "ordered_at": ordered_at}


def newcomers_halted(agents: Sequence[AgentKey], targets: Sequence[TargetId], left: Sequence[Untouched]) -> Happening:
    """Agents that appeared inside a held scope are halted too."""
    return "hold.newcomers", {
        "agents": _some([str(key) for key in agents]),
        "targets": _some([str(target) for target in targets]),
        "left": _some([f"{u.id}: {u.reason}" for u in left]),
    }


def approved(header: HaltHeader, approver: Invoker) -> Happening:
    """A second person agreed to a restore."""
    return "restore.approved", {**_header(header), "approver": asdict(approver)}


def safeguard_passed(header: HaltHeader, what: str, invoker: Invoker, reason: str) -> Happening:
    """A security event: somebody went past a safeguard."""
    return "security.override", {**_header(header), "what": what, "by": asdict(invoker), "why": reason}


def restore_confirmed(record: HaltRecord, order: Order) -> Happening:
    """A person confirmed a restore. ``reason`` is the restore's, not the halt's."""
    header = record.header
    needed = required_confirmation(header.scope, header.environment, restore=True)
    targets = _some([str(t.target) for t in record.touched])
    return "restore.confirmed", {**_header(header), "reason": order.reason, "confirmation": needed, "targets": targets}


def restore_cut_short(header: HaltHeader, begun: RestoreBegun, held_again: int) -> Happening:
    """A restore's process died; what it had not put back is held again."""
    by = {"by": begun.by, "ordered_at": moment(begun.at), "why": begun.reason, "held_again": held_again}
    return "restore.cut_short", {**_header(header), **by}


def restore_ended(record: HaltRecord, order: Order, now: datetime) -> Happening:
    """A restore came to its end, whole or not; ``elapsed_ms`` is the restore's own time."""
    took = _ms((now - order.at).total_seconds())
    told = {**_header(record.header), **_outcome(record, now), "reason": order.reason, "elapsed_ms": took}
    return "restore.ended", {name: value for name, value in told.items() if name not in ("slo_ms", "backends")}


def _header(header: HaltHeader) -> dict[str, Any]:
    return {
        "scope": str(header.scope),
        "environment": header.environment,
        "profile": str(header.profile),
        "reason": header.reason,
        "incident": header.incident,
        "invoker": asdict(header.invoker),
        "drill": header.drill,
    }


def _outcome(record: HaltRecord, now: datetime) -> dict[str, Any]:
    states = sorted({t.state for t in record.targets})
    return {
        "verdict": str(record.verdict),
        "elapsed_ms": _ms(record.elapsed(now)),
        "slo_ms": _ms(record.header.slo_seconds),
        "targets": {str(state): sum(t.state is state for t in record.targets) for state in states},
        "unproven": _some([str(t.target) for t in record.targets if t.state not in _PROVEN]),
        "backends": {str(ref): _proof_ms(record, str(ref)) for ref in record.backends()},
        "warnings": list(record.warnings),
    }


_PROVEN = (TargetState.STOPPED, TargetState.RESTORED)


def _proof_ms(record: HaltRecord, ref: str) -> int | None:
    """Milliseconds until a backend's last target was proven stopped; None while one is not."""
    stopped = [t.stopped_at for t in record.targets if str(t.target.backend) == ref]
    if not stopped or None in stopped:
        return None
    last = max(at for at in stopped if at is not None)
    return _ms((last - record.header.invoked_at).total_seconds())


def _call(after: TargetProgress) -> Happening:
    answer = after.accepted
    assert answer is not None  # noqa: S101  (the caller looked; for the type checker)
    return "target.call", {
        **_which(after),
        "attempt": after.attempts,
        "request_id": answer.request_id,
        "requested_at": moment(after.requested_at),
        "answered_at": moment(answer.at),
        "bound": moment(answer.bound),
        "detail": answer.detail,
        "halted": dict(answer.halted),
        "sha256": digest(answer.halted),
    }


def _state(before: TargetProgress, after: TargetProgress) -> Happening:
    kind = "target.revived" if after.state is TargetState.REVIVED else "target.state"
    evidence = after.evidence
    return kind, {
        **_which(after),
        "from": str(before.state),
        "state": str(after.state),
        "running": after.running,
        "note": after.note,
        "evidence": evidence and {"grade": str(evidence.grade), "detail": evidence.detail, "at": moment(evidence.at)},
    }


def _which(target: TargetProgress) -> dict[str, Any]:
    return {"target": str(target.target), "layer": str(target.layer)}


def _some(entries: Sequence[str]) -> list[str]:
    left = len(entries) - MOST
    return [*entries[:MOST], f"and {left} more"] if left > 0 else list(entries)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
