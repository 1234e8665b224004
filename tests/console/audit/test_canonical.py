"""Canonical JSON: the vectors of RFC 8785 that apply, and its laws."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from killswitch_console.audit.canonical import EXACT, _encode, canonical, plain

values = st.recursive(
    st.none() | st.booleans() | st.integers(-EXACT, EXACT) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_sorts_by_utf16_units_as_the_rfc_does() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    text = canonical(dict.fromkeys(keys, 1)).decode()
    assert list(json.loads(text)) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_escapes_as_the_rfc_does() -> None:
    assert canonical('\u20ac$\u000f\u000aA\'B"\\\\"/') == '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()


def test_takes_no_fractions() -> None:
    with pytest.raises(TypeError):
        _encode(0.5)
    assert plain(0.5) == "0.5"
    assert plain(2.0) == 2
    assert plain(2**60) == str(2**60)


@settings(deadline=None)
@given(values)
def test_reads_back_and_is_one_sequence_of_bytes(value: object) -> None:
    plainly = plain(value)
    data = canonical(plainly)
    assert json.loads(data) == plainly
    assert canonical(json.loads(data)) == data
    assert data == _encode(plainly).encode()


@settings(deadline=None)
@given(values)
def test_nothing_alive_is_left_in_it(value: object) -> None:
    text = canonical(plain(value)).decode()
    assert text.isprintable()
    assert plain(plain(value)) == plain(value)
