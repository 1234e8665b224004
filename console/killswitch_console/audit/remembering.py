"""A halt as the audit trail tells it: enough to restore it where neither its ledger nor a mark can be read. Pure.

The trail keeps text inert and secrets blanked, so what it tells of a prior state may not be exact any more. A digest of
the original stands beside it: what does not match is not restored from here, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from killswitch_backends.protocol import Accepted, Captured, Profile, digest
from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.approving import Approval
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltHeader, HaltRecord
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope, ScopeError
from killswitch_inventory.targets import Layer, TargetId, TargetIdError

Body = Mapping[str, Any]
"""One event as JSON (``audit.events``)."""


class NotRemembered(Exception):
    """The trail does not tell enough of the halt to restore it."""


def remembered(halt_id: str, events: Iterable[Body]) -> HaltRecord:
    """The halt that some events tell of, as a restore takes it over: nothing of it is proven, and nobody here holds it.

    Args:
        halt_id: the halt.
        events: of any halts and bastions, in any order.

    Raises:
        NotRemembered: its confirmation is not among them, or they do not read.
    """
    told = sorted((event for event in events if event.get("halt") == halt_id), key=lambda event: str(event.get("at")))
    try:
        return _Memory(halt_id).of(told)
    except (KeyError, TypeError, ValueError, ValidationError, ScopeError, TargetIdError) as error:
        raise NotRemembered(f"{halt_id}: the trail's events do not read: {error!r}") from error


def approvals(halt_id: str, events: Iterable[Body]) -> tuple[Approval, ...]:
    """The approvals of a halt's restore that some events tell of; what a later restore used up is marked so."""
    told = sorted((event for event in events if event.get("halt") == halt_id), key=lambda event: str(event.get("at")))
    given: list[Approval] = []
    for event in told:
        at = datetime.fromisoformat(event["at"])
        if event["kind"] == "restore.approved":
            given.append(Approval(_invoker(event["data"]["approver"]), at))
        elif event["kind"] == "restore.confirmed":
            given = [one if one.used_at else replace(one, used_at=at) for one in given]
    return tuple(given)


class _Memory:
    """Folds a halt's events."""

    def __init__(self, halt_id: str) -> None:
        self._halt_id = halt_id
        self._header: HaltHeader | None = None
        self._targets: dict[TargetId, TargetProgress] = {}

    def of(self, events: list[Body]) -> HaltRecord:
        """The halt, from its events in order. Raises ``NotRemembered``."""
        for event in events:
            self._take(event)
        if self._header is None:
            raise NotRemembered(f"the trail does not tell who ordered {self._halt_id}: its confirmation is not there")
        agents = tuple(sorted({key for target in self._targets.values() for key in target.agents}))
        ended = datetime.fromisoformat(events[-1]["at"])
        return HaltRecord(
            replace(self._header, agents=agents),
            tuple(self._targets[target] for target in sorted(self._targets)),
            ended_at=ended,
            approvals=approvals(self._halt_id, events),
        )

    def _take(self, event: Body) -> None:
        data = event["data"]
        match event["kind"]:
            case "halt.confirmed":
                self._header = self._header or self._confirmed(data)
            case "halt.intent":
                for told in data["targets"]:
                    self._intended(told, datetime.fromisoformat(event["at"]))
            case "target.call":
                self._called(data)
            case "target.state":
                self._moved(data)

    def _confirmed(self, data: Body) -> HaltHeader:
        return HaltHeader(
            halt_id=self._halt_id,
            scope=Scope.parse(data["scope"]),
            environment=data["environment"],
            profile=Profile(data["profile"]),
            reason=data["reason"],
            incident=data["incident"],
            invoker=_invoker(data["invoker"]),
            invoked_at=datetime.fromisoformat(data["invoked_at"]),
            slo_seconds=data["slo_ms"] / 1000,
            backend_slo={kind: ms / 1000 for kind, ms in data["backend_slo_ms"].items()},
            agents=(),
            untouched=(),
            collateral=(),
            blinded=True,
            drill=data["drill"],
            foreign=True,
            scope_known=True,
        )

    def _intended(self, told: Body, at: datetime) -> None:
        target = TargetId.parse(told["target"])
        captured = _captured(target, told)
        known = self._targets.get(target)
        if (
            known is not None and known.captured is not None
        ):  # what an earlier intent tells is nearer to before the halt
            captured = known.captured
        self._targets[target] = TargetProgress(
            target=target,
            layer=Layer(told["layer"]),
            agents=tuple(AgentKey(*agent.split("/", 2)) for agent in told["agents"]),
            state=TargetState.FAILED if captured is None else TargetState.REQUESTED,
            captured=captured,
            requested_at=known.requested_at if known else at,
            error="" if captured else "the trail does not tell exactly what it was: its bastion's ledger does",
            lifted=True,
        )

    def _called(self, data: Body) -> None:
        target = TargetId.parse(data["target"])
        if (known := self._targets.get(target)) is None or known.captured is None:
            return
        halted = data.get("halted", {})
        exact = digest(halted) == data.get("sha256")
        at = datetime.fromisoformat(data["answered_at"])
        accepted = Accepted(target, at, detail=data["detail"], halted=halted if exact else {})
        self._targets[target] = replace(known, state=TargetState.ACCEPTED, accepted=accepted)

    def _moved(self, data: Body) -> None:
        """Only one state is carried over: what was put back is not put back again."""
        target = TargetId.parse(data["target"])
        if data["state"] == TargetState.RESTORED and (known := self._targets.get(target)) is not None:
            self._targets[target] = replace(known, state=TargetState.RESTORED)


def _captured(target: TargetId, told: Body) -> Captured | None:
    """The prior state, if the trail's copy is exact."""
    prior = told["prior"]
    if prior is None or "captured_at" not in told or digest(prior) != told["sha256"]:
        return None
    return Captured(
        target,
        prior,
        datetime.fromisoformat(told["captured_at"]),
        running=told["running"] or 0,
        marked_by=told.get("marked_by"),
        already_off=told.get("already_off", False),
    )


def _invoker(told: Body) -> Invoker:
    return TypeAdapter(Invoker).validate_python(told)
