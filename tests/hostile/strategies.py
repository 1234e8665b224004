"""What a hostile platform, target or file may hold: values that are not what they should be, and text with teeth.

``KILLSWITCH_HOSTILE=deep`` (set by ``make chaos``) draws at random and much more; otherwise the same few examples come
each time, so that a failure is a change of the product and not of the dice.
"""

from __future__ import annotations

import copy
import json
import os
import unicodedata
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

Json = Any
Path = tuple[str | int, ...]

DEEP = os.environ.get("KILLSWITCH_HOSTILE") == "deep"


def examples(few: int) -> settings:
    """A profile for one test: so many examples, forty times as many when it goes deep."""
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    return settings(
        max_examples=few * 40 if DEEP else few,
        derandomize=not DEEP,
        deadline=None,
        database=None,
        suppress_health_check=checks,
    )


TEETH = (
    "\x1b[2J\x1b[31mstopped\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\r\nb\tc\x0bd",
    "\x00",
    "\x7f\x08\x08\x08",
    "\u202estopped\u202c",
    "\u2066\u2069\u200f",
    "\u2028\u2029\x85",
    "e" + "\u0301" * 300,
    "\U000e0041\ufeff\u00ad",
    "[bold red]stopped[/] [link=file:///etc/passwd]x[/link] [@click=app.quit]y[/]",
    '=HYPERLINK("http://x","y")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+1",
    "-1+1",
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "../../../../etc/passwd",
    "{0.__class__} %s ${HOME} `id`",
    "\ud800",
    "\udcff",
    "stopped",
    "x" * 3_000,
)
"""Names, labels and messages that would do harm alive."""

text = st.one_of(st.sampled_from(TEETH), st.text(st.characters(codec=None), max_size=40))


def deep(levels: int) -> Json:
    """A list in a list in a list."""
    found: Json = []
    for _ in range(levels):
        found = [found]
    return found


WRONG: tuple[Json, ...] = (
    None,
    True,
    False,
    0,
    -1,
    0.0,
    0.5,
    1e308,
    2**31,
    2**63,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "0",
    "null",
    "true",
    [],
    {},
    [None],
    [[]],
    {"": None},
    deep(60),
)

wrong = st.one_of(st.sampled_from(WRONG), text)
"""A value that is not what it should be (now and then it happens to be)."""

anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), text),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(text, inner, max_size=4)),
    max_leaves=12,
)
"""Any JSON, and more."""


def places(document: Json, path: Path = ()) -> Iterator[Path]:
    """Every place in a document, itself first."""
    yield path
    lists: Any = list(enumerate(document)) if isinstance(document, list) else []
    for step, inner in document.items() if isinstance(document, dict) else lists:
        yield from places(inner, (*path, step))


def replaced(document: Json, path: Path, value: Json) -> Json:
    """A copy of a document with another value in one place."""
    if not path:
        return value
    changed = copy.deepcopy(document)
    parent = changed
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    return changed


def without(document: Json, path: Path) -> Json:
    """A copy of a document in which one place is missing."""
    changed = copy.deepcopy(document)
    parent = changed
    for step in path[:-1]:
        parent = parent[step]
    del parent[path[-1]]
    return changed


@st.composite
def spoilt(draw: st.DrawFn, document: Json) -> tuple[Path, Json]:
    """One place of a document made wrong; which, and the document."""
    path = draw(st.sampled_from(list(places(document))))
    if path and draw(st.integers(0, 4)) == 0:
        return path, without(document, path)
    return path, replaced(document, path, draw(wrong))


def on_the_wire(document: Json) -> bytes:
    """A document as a hostile server writes it: NaN, halves of surrogate pairs and all."""
    return json.dumps(document).encode()


JUNK: tuple[bytes, ...] = (
    b"",
    b"\x00",
    b"null",
    b"[]",
    b"{}",
    b'"stopped"',
    b"0",
    b"\xff\xfe{}",
    b"<html><body>login</body></html>",
    b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'aaaa'>]><x>&a;</x>",
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b"9" * 10_000,
    b'{"items":[}',
    b'{"items":null,"items":[]}',
)
"""Whole answers that are nothing."""


def alive(shown: str) -> list[str]:
    """The characters of a text that would do something on a terminal, or break a line."""
    return [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")]
