"""The JSON that scripts read: halts, plans and agents as in design.md section 5. A contract: add, never change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from killswitch_backends.protocol import Evidence, Grade
from killswitch_console.halting.foreign import ForeignHalt
from killswitch_console.halting.lease import Holding, Work
from killswitch_console.halting.plan import Collateral, Plan, PlannedTarget, Untouched
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltHeader, HaltRecord
from killswitch_console.halting.stale import stale
from killswitch_console.halting.verdict import AgentOutcome, AgentState, Verdict
from killswitch_inventory.agents import Agent, AgentKey
from killswitch_inventory.scopes import ScopeKind

Document = dict[str, Any]


def moment(at: datetime | None) -> str | None:
    """A time as RFC 3339 in UTC with milliseconds, or null."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def halt_document(record: HaltRecord, now: datetime, at_work: Holding | None = None) -> Document:
    """A halt, or the restore of one (``halt``, ``status HALT``, ``restore``)."""
    header = record.header
    return {
        "halt_id": header.halt_id,
        "scope": str(header.scope),
        "environment": header.environment,
        "drill": header.drill,
        "profile": header.profile,
        "reason": header.reason,
        "incident": header.incident,
        "invoker": asdict(header.invoker),
        "invoked_at": moment(header.invoked_at),
        "ended_at": moment(record.ended_at),
        "restored_at": moment(record.restored_at),
        "held": record.held,
        "elapsed_seconds": round(record.elapsed(now), 3),
        "slo_seconds": header.slo_seconds,
        "slo_met": record.slo_met(now),
        "verdict": record.verdict,
        "agents": [_agent(outcome, header) for outcome in record.agents],
        "targets": [_target(target, header) for target in record.targets],
        "untouched": [_untouched(u) for u in header.untouched],
        "collateral": [_collateral(c) for c in header.collateral],
        "stale": asdict(stale(record)),
        "warnings": list(record.warnings),
        "open": is_open(record),
        "at_work": _at_work(at_work),
        "revivals": record.revivals,
        "fights": [str(t.target) for t in record.targets if t.fighting],
        "newcomers": [key_document(key) for key in header.newcomers],
        "foreign": header.foreign,
        "restore_cut_short": _cut_short(record, at_work),
        "restored_only": sorted(str(target) for target in record.selected) if record.selected is not None else None,
        "approvals": [
            {"approver": asdict(a.approver), "at": moment(a.at), "used_at": moment(a.used_at)} for a in record.approvals
        ],
    }


def is_open(record: HaltRecord) -> bool:
    """Whether it never came to its end: it is under way, or was cut short."""
    return record.ended_at is None and record.restored_at is None


def _at_work(holding: Holding | None) -> Document | None:
    return {"pid": holding.pid, "work": holding.work} if holding else None


def _cut_short(record: HaltRecord, at_work: Holding | None) -> Document | None:
    """A restore whose process died, and how far it came; null where one is under way, or none is open."""
    begun = record.restoring
    if begun is None or (at_work is not None and at_work.work is Work.RESTORE):
        return None
    back = sum(target.state is TargetState.RESTORED for target in record.touched)
    said = {"at": moment(begun.at), "by": begun.by, "reason": begun.reason}
    return {**said, "targets_back": back, "targets_left": len(record.touched) - back}


def halt_line(record: HaltRecord, at_work: Holding | None = None) -> Document:
    """A halt in the list that ``status`` prints without an id."""
    header = record.header
    return {
        "halt_id": header.halt_id,
        "scope": str(header.scope),
        "verdict": record.verdict,
        "held": record.held,
        "invoked_at": moment(header.invoked_at),
        "invoker": asdict(header.invoker),
        "open": is_open(record),
        "at_work": _at_work(at_work),
        "revivals": record.revivals,
        "foreign": header.foreign,
    }


def foreign_line(found: ForeignHalt) -> Document:
    """Another bastion's halt, known by its marks alone, in the list that ``status --marks`` prints."""
    return {
        "halt_id": found.halt_id,
        "scope": str(found.scopes[0]),
        "verdict": Verdict.INCOMPLETE,
        "held": True,
        "invoked_at": found.at or None,
        "invoker": {"os_user": found.invoker},
        "open": False,
        "at_work": None,
        "revivals": 0,
        "foreign": True,
        "targets": [str(target) for target in found.targets],
    }


def plan_document(plan: Plan) -> Document:
    """A plan (``plan``)."""
    return {
        "scope": str(plan.scope),
        "environment": plan.environment,
        "profile": plan.profile,
        "agents": [key_document(agent.key) for agent in plan.agents],
        "targets": [_planned(target) for target in plan.targets],
        "untouched": [_untouched(u) for u in plan.untouched],
        "collateral": [_collateral(c) for c in plan.collateral],
        "risks": list(plan.risks),
        "identities": [
            {"backend": str(one.backend), "name": one.name or None, "account": one.account or None}
            for one in plan.identities
        ],
        "api_calls": {str(ref): floor.api_calls for ref, floor in sorted(plan.floors.items())},
        "floor_seconds": {str(ref): round(floor.floor_seconds, 3) for ref, floor in sorted(plan.floors.items())},
    }


def agent_document(agent: Agent, now: datetime) -> Document:
    """An agent (``agents``)."""
    return {
        **key_document(agent.key),
        "health": agent.health,
        "concurrency": agent.concurrency,
        "halted": agent.halted,
        "layers": list(agent.layers),
        "uncovered": list(agent.uncovered),
        "instances": [
            {"name": i.name, "health": i.health, "terminating": i.terminating, "where": i.where}
            for i in agent.instances
        ],
        "bindings": [
            {"target": str(b.target), "backend": b.target.backend.kind, "layer": b.layer, "how": b.how}
            for b in agent.bindings
        ],
        "age_seconds": round(max(0.0, (now - agent.oldest_fact).total_seconds()), 3),
    }


def key_document(key: AgentKey) -> Document:
    """What names an agent."""
    return {"name": key.name, "class": key.agent_class, "tenant": key.tenant}


def _agent(outcome: AgentOutcome, header: HaltHeader) -> Document:
    """What is proven of an agent; a halt of one instance proves that one, and nothing of an agent that has others."""
    proven: Document = {"state": outcome.state, "layers": dict(outcome.layers)}
    if header.scope.kind is not ScopeKind.INSTANCE:
        return {**key_document(outcome.key), **proven}
    others_go_on = any(outcome.key in u.agents for u in header.untouched)
    agent = {"state": AgentState.ACTING, "layers": {}} if others_go_on else proven
    return {**key_document(outcome.key), **agent, "instances": [{"name": header.scope.instance, **proven}]}


def _target(target: TargetProgress, header: HaltHeader) -> Document:
    accepted_at = target.accepted.at if target.accepted else None
    return {
        "id": str(target.target),
        "agents": names(target.agents),
        "backend": target.target.backend.kind,
        "layer": target.layer,
        "state": target.state,
        "prior": target.captured.shown if target.captured else None,
        "evidence": _evidence(target.evidence),
        "accepted_seconds": _since(header, accepted_at),
        "stopped_seconds": _since(header, target.stopped_at),
        "attempts": target.attempts,
        "running": target.running,
        "note": target.note or None,
        "reports": _reports(target),
        "error": target.error or None,
        "revivals": target.revivals,
        "revived_at": moment(target.revived_at),
        "revived_by": target.revived_by or None,
        "reasserted_at": moment(target.reasserted_at),
        "adopted_at": moment(target.adopted_at),
        "difference": [{"field": c.field, "halted": c.expected, "found": c.found} for c in target.changes],
    }


def _reports(target: TargetProgress) -> Document | None:
    """What agents say themselves: whose word is new, old or missing. None where agents cannot tell."""
    if target.reports is None:
        return None
    silent = target.reports.silent(names(target.agents))
    return {**asdict(target.reports), "silent": list(silent)}


def _since(header: HaltHeader, at: datetime | None) -> float | None:
    return round((at - header.invoked_at).total_seconds(), 3) if at else None


def _evidence(evidence: Evidence | None) -> Document:
    if evidence is None:
        return {"grade": Grade.NONE, "detail": "", "at": None}
    return {"grade": evidence.grade, "detail": evidence.detail, "at": moment(evidence.at)}


def _planned(target: PlannedTarget) -> Document:
    return {
        "id": str(target.target),
        "backend": target.target.backend.kind,
        "layer": target.layer,
        "agents": names(target.agents),
        "prior": target.captured.shown if target.captured else None,
        "action": target.action,
        "problem": target.problem or None,
    }


def _untouched(untouched: Untouched) -> Document:
    return {"id": untouched.id, "agents": names(untouched.agents), "reason": untouched.reason}


def _collateral(collateral: Collateral) -> Document:
    return {"target": str(collateral.target), "agents": names(collateral.agents)}


def names(keys: Iterable[AgentKey]) -> list[str]:
    """Agents' names, as scopes name them."""
    return [key.name for key in keys]
