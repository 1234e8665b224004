"""The light that says what was turned off behind the console's back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from killswitch_backends.attribution import Deed
from killswitch_console.halting.bypasses import Bypass
from killswitch_console.tui.signing import Glance
from killswitch_console.tui.signs.bypasses import SIGN
from killswitch_inventory.targets import BackendRef, TargetId

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def bypass(name: str, who: str = "", *, ago: int = 0) -> Bypass:
    target = TargetId(BackendRef("lambda", "prod"), name)
    deed = Deed(target, "PutFunctionConcurrency", who, NOW - timedelta(minutes=ago)) if who else None
    return Bypass(target, (), deed)


def lights(*known: Bypass) -> list[str]:
    state: Any = None
    assert SIGN.light is not None
    return ["".join(text for text, _ in line) for line in SIGN.light(Glance(state, NOW, known))]


def test_the_latest_is_named_with_who_did_it_and_short_forms_keep_the_count() -> None:
    forms = lights(
        bypass("first", "arn:aws:iam::1:user/bob", ago=9), bypass("last", "arn:aws:iam::1:user/eve"), bypass("idle")
    )
    assert forms == [
        "! 3 targets off, no halt explains it: lambda:prod/last by eve",
        "! 3 targets off, no halt explains it",
        "! 3 off",
    ]


def test_nothing_off_is_no_light_and_hostile_names_are_inert() -> None:
    assert lights() == []
    assert "\x1b" not in "".join(lights(bypass("x", "arn:aws:sts::1:assumed-role/r/\x1b[2Jeve")))
