"""No text from a platform reaches a screen with its teeth in."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from killswitch_console.hostile import clean

anything = st.text(st.characters(codec=None), max_size=300)  # surrogates included


@given(anything, st.integers(0, 250))
def test_what_is_cleaned_is_one_short_printable_line(text: str, most: int) -> None:
    shown = clean(text, most=most)
    assert len(shown) <= most
    assert all(unicodedata.category(c)[0] != "C" for c in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


@given(anything)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), max_size=200))
def test_an_ordinary_name_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31mred", "\\x9b31mred"),
        ("a\r\nb", "a\\x0d\\x0ab"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("a\u2028b", "a\\u2028b"),
        ("a\u00a0b", "a b"),
        ("\ud800", "\\ud800"),
        ("[bold]x[/]", "[bold]x[/]"),
        ("\U000e0041", "\\U000e0041"),
        ("café 日本", "café 日本"),
    ],
)
def test_harm_is_written_out(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_what_is_too_long_says_so() -> None:
    assert clean("x" * 500, most=10) == "x" * 9 + "…"
    assert clean("x" * 10, most=10) == "x" * 10
    assert clean("\x1b" * 3, most=10) == "\\x1b\\x1b\\…"
