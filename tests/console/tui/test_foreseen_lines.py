"""What a restore would meet, as the restore screen says it."""

from __future__ import annotations

from typing import Any, cast

from killswitch_backends.protocol import FieldChange
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.restore_plan import PlannedRestore, PlannedStage, RestorePlan
from killswitch_console.tui.lines.foreseen import foreseen
from killswitch_inventory.targets import Layer, TargetId


def target(number: int, **more: Any) -> PlannedRestore:
    name = TargetId.parse(f"lambda:prod/f{number}")
    return PlannedRestore(target=name, layer=Layer.PROCESS, agents=(), state=TargetState.STOPPED, **more)


def said(plan: RestorePlan | str | None) -> str:
    return "\n".join("".join(text for text, _ in line) for line in foreseen(plan, 200))


def planned(*targets: PlannedRestore) -> RestorePlan:
    stage = PlannedStage(name="refund", targets=targets)
    return RestorePlan(record=cast("Any", None), only=None, takes_two=False, approved_by=(), stages=(stage,))


def test_what_is_in_the_way_comes_before_what_waits_and_the_same_words_once() -> None:
    lines = said(
        planned(
            target(1, backlog=("queue a: about 3 messages wait",)),
            *(target(n, obstacles=("may not iam:DeleteRolePolicy",)) for n in (2, 3, 4)),
            target(5, changes=(FieldChange("replicas", 0, 9),)),
            target(6, held_by=("h-2",)),
        )
    ).splitlines()
    assert lines[0] == "1 of 6 targets would come back now"
    assert lines[1] == "! in the way: f2 and 2 more: may not iam:DeleteRolePolicy"
    assert "the halt left 0, found 9" in lines[2]
    assert "held by h-2" in lines[3]
    assert "about 3 messages wait" in lines[4]


def test_hostile_words_and_long_lists_stay_harmless() -> None:
    lines = said(planned(*(target(n, obstacles=(f"no \x1b[2J{n}",)) for n in range(20))))
    assert "\x1b" not in lines
    assert "and 14 more" in lines


def test_while_nothing_is_known_and_when_nothing_can_be() -> None:
    assert said(None).startswith("asking the platforms")
    assert "not known: the ledger is gone" in said("the ledger is gone")
