"""LaunchDarkly that sends nonsense: a flag that is on is never read as off, and no answer is more than a problem."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from hostile.strategies import anything, examples, on_the_wire, replaced, spoilt, text
from killswitch_backends.launchdarkly.api import _message, _objects
from killswitch_backends.launchdarkly.flags import claims, read_flag
from killswitch_backends.problems import Unreachable
from killswitch_backends.protocol import LabelKeys

FLAG = {
    "key": "refunds",
    "tags": ["agent:refund-1"],
    "variations": [{"value": True}, {"value": False}],
    "customProperties": {
        "killswitch-halt.production": {"value": ["halt:H", "by:x", "at:now", "was:on", "version:3"]},
    },
    "environments": {"production": {"on": True, "version": 7, "offVariation": 1, "prerequisites": [{"key": "base"}]}},
}
_ON = ("environments", "production", "on")


@examples(150)
@given(spoilt(FLAG))
@example((_ON, replaced(FLAG, _ON, "off")))
@example((_ON, replaced(FLAG, _ON, 0)))
@example(((), replaced(FLAG, ("customProperties", "killswitch-halt.production", "value", 4), "version:\u00b2")))
def test_no_nonsense_turns_a_flag_off(lie: tuple[Any, Any]) -> None:
    place, document = lie
    try:
        flag = read_flag(document, "production")
    except ValueError:
        return
    assert flag.on or (place == _ON and document["environments"]["production"]["on"] is False)
    assert all(isinstance(need, str) for need in flag.prerequisites)
    assert flag.off_variation in (None, 0, 1)
    claims(flag.tags, LabelKeys())


@examples(50)
@given(anything)
def test_what_is_no_list_is_not_an_empty_one(value: Any) -> None:
    try:
        found = _objects({"items": value}, "launchdarkly:test")
    except Unreachable:
        return
    assert found == value


@examples(50)
@given(st.one_of(anything.map(on_the_wire), text.map(lambda words: words.encode("utf-8", "replace"))))
@example(b"[" * 100_000)
@example(json.dumps({"message": "x\r\n" * 100_000}).encode())
def test_an_errors_words_are_one_short_line(content: bytes) -> None:
    words = _message(content)
    assert len(words) <= 200
    assert "\n" not in words
