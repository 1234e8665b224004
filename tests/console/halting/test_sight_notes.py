"""What the trail keeps of sightings: platforms lost and back, halts of other bastions; each once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from killswitch_console.halting.events import EngineEvent, FleetChanged, OpenHalts
from killswitch_console.halting.foreign import ForeignHalt
from killswitch_console.halting.sight_notes import noting
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.sightedness import BackendView, Sightedness
from killswitch_inventory.targets import BackendRef, TargetId

KUBERNETES = BackendRef("kubernetes", "prod")
AT = datetime(2027, 1, 15, 8, tzinfo=UTC)


class Notes:
    """A recorder that keeps what it is told."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, Mapping[str, Any], str | None]] = []

    def note(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        self.kept.append((kind, data, halt_id))

    async def record(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        self.note(kind, data, halt_id=halt_id)

    async def require(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        self.note(kind, data, halt_id=halt_id)


def seen(state: Sightedness, problem: str = "") -> FleetChanged:
    return FleetChanged((), (), (BackendView(KUBERNETES, state, AT, problem),))


def test_a_platform_that_is_lost_and_comes_back_is_noted_once_each() -> None:
    notes, published = Notes(), list[EngineEvent]()
    tell = noting(published.append, notes)
    for event in (
        seen(Sightedness.LISTING),
        seen(Sightedness.LIVE),
        seen(Sightedness.STALE, "403"),
        seen(Sightedness.FAILED, "403"),
        seen(Sightedness.LISTING),
        seen(Sightedness.LIVE),
        seen(Sightedness.LIVE),
    ):
        tell(event)
    assert [(kind, data["platform"]) for kind, data, _ in notes.kept] == [
        ("sight.lost", "kubernetes:prod"),
        ("sight.regained", "kubernetes:prod"),
    ]
    assert notes.kept[0][1] == {
        "platform": "kubernetes:prod",
        "state": "stale",
        "why": "403",
        "as_of": AT.isoformat(),
    }
    assert len(published) == 7, "the faces hear everything all the same"


def test_another_bastions_halt_is_noted_once() -> None:
    notes = Notes()
    tell = noting(lambda _: None, notes)
    target = TargetId(KUBERNETES, "a/Deployment/b")
    found = ForeignHalt("h-1", "bob@other", AT.isoformat(), (target,), (AgentKey("c", "t", "n"),))
    tell(OpenHalts((), (found,)))
    tell(OpenHalts((), (found,)))
    (kept,) = notes.kept
    assert (kept[0], kept[2]) == ("halt.seen", "h-1")
    assert kept[1]["invoker"] == "bob@other"
    assert kept[1]["targets"] == [str(target)]
