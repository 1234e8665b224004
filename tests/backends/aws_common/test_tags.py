"""Marks as tags: whatever an invoker or a halt is called, the tags are valid, and prior states survive the way back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from killswitch_backends.aws_common.tags import (
    LONGEST_VALUE,
    mark_in,
    mark_tags,
    marked_by,
    ours,
    words_as_tags,
    words_in_tags,
)
from killswitch_backends.aws_lambda.functions import EventSource, Function, State
from killswitch_backends.aws_lambda.halting import tags_of
from killswitch_backends.aws_lambda.prior import Prior, prior_of
from killswitch_backends.protocol import Order

VALID = re.compile(r"[A-Za-z0-9 +\-=._:/@]{0,256}")
QUALIFIERS = st.from_regex(r"[a-zA-Z0-9_-]{1,128}", fullmatch=True)
AT = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def order(halt_id: str = "h-1", invoker: str = "os:ada") -> Order:
    return Order(halt_id, invoker, "why", AT)


@given(halt_id=st.text(min_size=1), invoker=st.text())
def test_a_mark_is_always_valid_tags_and_found_again(halt_id: str, invoker: str) -> None:
    tags = mark_tags(order(halt_id, invoker))
    assert all(VALID.fullmatch(value) for value in tags.values())
    assert mark_in(tags) is not None
    assert marked_by(tags, halt_id)
    assert ours(tags | {"agent": "a"}) == tags


@given(words=st.lists(st.from_regex(r"[a-z0-9:-]{1,140}", fullmatch=True), max_size=40))
def test_words_survive_the_way_through_tags(words: list[str]) -> None:
    tags = words_as_tags("event-sources", words)
    assert all(len(value) <= LONGEST_VALUE for value in tags.values())
    assert words_in_tags("event-sources", tags) == words


@given(
    reserved=st.none() | st.integers(0, 5000),
    provisioned=st.dictionaries(QUALIFIERS, st.integers(1, 500), max_size=5),
    feeding=st.dictionaries(st.uuids().map(str), st.booleans(), max_size=12),
)
def test_another_bastion_reads_the_prior_state_from_a_halted_function(
    reserved: int | None, provisioned: dict[str, int], feeding: dict[str, bool]
) -> None:
    prior = Prior(reserved, provisioned, feeding, 30, {})
    halted = State(
        function=Function(name="f", arn="arn:aws:lambda:eu-central-1:1:function:f", role="r", timeout=30),
        reserved=0,
        tags=tags_of(order(), prior) | {"agent": "a"},
        longest_timeout=30,
        provisioned={},
        event_sources=tuple(EventSource(uuid, "f", enabled=False) for uuid in feeding),
        read_at=AT,
    )
    assert prior_of(halted) == prior
    assert Prior.parse(prior.json()) == prior


def test_a_reservation_that_somebody_set_since_the_mark_is_not_forgotten() -> None:
    revived = State(
        function=Function(name="f", arn="a", role="r", timeout=3),
        reserved=7,
        tags=tags_of(order(), Prior(5, {}, {}, 3, {})),
        longest_timeout=3,
        read_at=AT,
    )
    assert prior_of(revived).reserved == 7
