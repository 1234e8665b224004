"""Only the cells that changed are painted, and painting them gives the new line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from killswitch_console.tui.lines.differing import differing
from killswitch_console.tui.lines.spans import Line, Tone, plain

WIDTH = 24
texts = st.text(st.sampled_from("ab ●■12"), max_size=8)
lines = st.lists(st.tuples(texts, st.sampled_from([Tone.PLAIN, Tone.BAD])), max_size=3).map(tuple)


def cells(line: Line) -> list[tuple[str, Tone]]:
    found = [(c, tone) for text, tone in line for c in text]
    return found + [(" ", Tone.PLAIN)] * (WIDTH - len(found))


@given(lines, lines)
def test_painting_what_differs_makes_the_new_line(before: Line, after: Line) -> None:
    shown, wanted = cells(before), cells(after)
    for x, count in differing(before, after, WIDTH):
        assert count > 0
        shown[x : x + count] = wanted[x : x + count]
    assert shown == wanted


def test_one_number_costs_its_cells_and_an_equal_line_nothing() -> None:
    before = (("agents ", Tone.STRONG), ("  1,200 running", Tone.PLAIN), ("          x", Tone.MUTED))
    after = (("agents ", Tone.STRONG), ("  1,207 running", Tone.PLAIN), ("          y", Tone.MUTED))
    assert differing(before, after, 80) == [(13, 1), (32, 1)]
    assert differing(before, before, 80) == []


def test_where_characters_are_wide_the_whole_row_is_painted() -> None:
    assert differing(plain("日本"), plain("日木"), 80) == [(0, 80)]
