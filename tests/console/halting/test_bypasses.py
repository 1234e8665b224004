"""Targets that are off behind the console's back, and who did it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from killswitch_backends.attribution import Deed
from killswitch_backends.problems import Refused
from killswitch_console.halting.bypasses import attributed, unexplained
from killswitch_inventory.agents import How
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.sightings import Claim, HaltMark, TargetSighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId

REF = BackendRef("lambda", "prod")
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def seen(name: str, **more: Any) -> TargetSighting:
    claim = Claim(How.TAG, agent=name, agent_class="c", tenant="t")
    return TargetSighting(
        target=TargetId(REF, name), layer=Layer.PROCESS, kind="function", seen_at=NOW, claims=(claim,), **more
    )


def fleet() -> Fleet:
    made = Fleet(backends=[REF], layers={"lambda": Layer.PROCESS})
    for sighting in (
        seen("runs"), seen("zeroed", off=True), seen("halted", off=True, mark=HaltMark("h", "os:ada", "")),
        seen("unmarked", off=True),
    ):  # fmt: skip
        made.fold(sighting)
    return made


def record(*names: str, held: bool = True, restored_at: datetime | None = None) -> Any:
    return SimpleNamespace(
        held=held, restored_at=restored_at, targets=[SimpleNamespace(target=TargetId(REF, name)) for name in names]
    )


def test_only_what_no_mark_and_no_halt_explains_is_told() -> None:
    (found,) = unexplained(fleet(), [record("unmarked")], NOW)
    assert found.target == TargetId(REF, "zeroed")
    assert [agent.name for agent in found.agents] == ["zeroed"]


def test_a_halt_that_was_just_restored_explains_what_a_listing_still_shows() -> None:
    restored = record("zeroed", "unmarked", held=False, restored_at=NOW)
    assert unexplained(fleet(), [restored], NOW + timedelta(seconds=30)) == []
    assert len(unexplained(fleet(), [restored], NOW + timedelta(minutes=5))) == 2


class Logged:
    """A backend whose platform's log tells, or refuses."""

    def __init__(self, deeds: dict[TargetId, Deed] | None) -> None:
        self._deeds = deeds

    async def deeds(self, targets: Sequence[TargetId]) -> Mapping[TargetId, Deed]:
        if self._deeds is None:
            raise Refused(str(REF), "not allowed")
        return self._deeds


async def test_who_did_it_is_told_where_the_log_can_be_read() -> None:
    found = unexplained(fleet(), [], NOW)
    deed = Deed(TargetId(REF, "zeroed"), "PutFunctionConcurrency", "arn:mallory", NOW)
    backends: Any = {REF: Logged({deed.target: deed})}
    told = {one.target.path: (one.deed, one.unknown) for one in await attributed(found, backends)}
    assert told == {"zeroed": (deed, ""), "unmarked": (None, "nothing is logged yet")}
    refused: Any = {REF: Logged(None)}
    assert {one.unknown for one in await attributed(found, refused)} == {"lambda:prod: not allowed"}
    assert all("no log" in one.unknown for one in await attributed(found, {}))
