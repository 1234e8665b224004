"""The JSON of what a restore would do and meet (``restore HALT --plan --json``). A contract: add, never change."""

from __future__ import annotations

from typing import Any

from killswitch_console.halting.document import key_document
from killswitch_console.halting.restore_plan import PlannedRestore, RestorePlan


def restore_plan_document(plan: RestorePlan) -> dict[str, Any]:
    """A restore that was planned and not made."""
    header = plan.record.header
    return {
        "halt_id": header.halt_id,
        "scope": str(header.scope),
        "only": str(plan.only) if plan.only else None,
        "takes_two": plan.takes_two,
        "approved_by": list(plan.approved_by),
        "stages": [{"name": stage.name, "targets": [str(t.target) for t in stage.targets]} for stage in plan.stages],
        "targets": [_target(target) for target in plan.targets],
        "comes_back": sum(target.comes_back for target in plan.targets),
    }


def _target(target: PlannedRestore) -> dict[str, Any]:
    return {
        "id": str(target.target),
        "backend": target.target.backend.kind,
        "layer": target.layer,
        "agents": [key_document(key) for key in target.agents],
        "state": target.state,
        "action": target.action,
        "difference": [{"field": c.field, "expected": c.expected, "found": c.found} for c in target.changes],
        "obstacles": list(target.obstacles),
        "backlog": list(target.backlog),
        "unknown": list(target.unknown),
        "held_by": list(target.held_by),
        "comes_back": target.comes_back,
    }
