"""What the tree says of a function: CloudWatch's figures are minutes late, and must not look like now."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from killswitch_backends.aws_lambda.functions import Function, State
from killswitch_backends.aws_lambda.sighting import sighted
from killswitch_backends.protocol import LabelKeys
from killswitch_inventory.agents import Health
from killswitch_inventory.targets import BackendRef

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
FUNCTION = Function(name="f", arn="arn:aws:lambda:eu-west-1:123456789012:function:f", role="", timeout=3)


@pytest.mark.parametrize(
    ("reserved", "executions", "health", "words"),
    [
        (None, 2, Health.OK, ""),
        (None, 0, Health.IDLE, ""),
        (None, None, Health.UNKNOWN, "CloudWatch does not tell"),
        (0, 2, Health.UNKNOWN, "it may be of before the halt"),
        (0, 0, Health.IDLE, ""),
    ],
)
def test_a_figure_of_before_the_halt_is_not_shown_as_now(
    reserved: int | None, executions: int | None, health: Health, words: str
) -> None:
    state = State(function=FUNCTION, reserved=reserved, tags={}, longest_timeout=3, read_at=NOW)
    seen = sighted(
        BackendRef("lambda", "prod"), FUNCTION, state,
        tags={}, labels=LabelKeys(), event_sources=(), executions=executions, at=NOW,
    )  # fmt: skip
    assert seen.health is health
    assert words in seen.facts.get("running", "")
    assert bool(words) == ("running" in seen.facts)
    assert seen.off == (reserved == 0)
