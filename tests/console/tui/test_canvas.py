"""A terminal that is sent only what changed shows what one shows that is sent everything, and it costs few bytes."""

from __future__ import annotations

import re

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from killswitch_console.tui.canvas import Canvas
from killswitch_console.tui.pens import PLAIN, change, pen, pen_of

WIDTH, HEIGHT = 18, 4

texts = st.lists(st.sampled_from(["a", "b", "1", " ", "●", "日", "e\u0301", "é"]), max_size=9).map("".join)
styles = st.sampled_from(
    [
        None,
        Style.parse("red"),
        Style.parse("bold red"),
        Style.parse("white on blue"),
        Style.parse("bold #ffaa00 on blue"),
        Style.parse("on blue"),
        Style.parse("reverse green"),
        Style.parse("underline"),
        Style.parse("bold italic on #101010"),
    ]
)
segments = st.lists(st.tuples(texts, styles).map(lambda part: Segment(*part)), max_size=4)
puts = st.tuples(st.integers(0, HEIGHT - 1), st.just(0), segments)
frames = st.lists(st.lists(puts, max_size=5), min_size=1, max_size=6)

Cell = tuple[object, ...]


class Terminal:
    def __init__(self) -> None:
        self._screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.Stream(self._screen)
        self._stream.feed("\x1b[?7l")  # pyte wraps ahead of a combining character, which no terminal does

    def feed(self, sent: str) -> None:
        self._stream.feed(sent)

    def cells(self) -> list[list[Cell]]:
        return [[_looks(self._screen.buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]


def _looks(cell: pyte.screens.Char) -> Cell:
    """What of a cell is seen: a blank has no colour of its own, unless it is underlined or reversed."""
    lit = (cell.underscore, cell.reverse)
    if cell.data == " " and not any(lit):
        return (" ", cell.bg)
    return (cell.data, cell.fg, cell.bg, cell.bold, cell.italics, *lit)


def canvas() -> Canvas:
    made = Canvas(ColorSystem.TRUECOLOR)
    made.resize(WIDTH, HEIGHT)
    return made


def row(parts: list[Segment]) -> list[Segment]:
    return list(Strip(parts).adjust_cell_length(WIDTH))


def wholly(rows: dict[int, list[Segment]]) -> list[list[Cell]]:
    """What a terminal shows that was sent these rows as Textual sends them."""
    from rich.console import Console

    terminal = Terminal()
    console = Console(color_system="truecolor", force_terminal=True)
    for y, parts in rows.items():
        terminal.feed(f"\x1b[{y + 1};1H{Strip(parts).render(console)}")
    return terminal.cells()


@settings(deadline=None)
@given(frames)
def test_what_is_shown_is_what_was_put_whatever_was_shown_before(
    drawn: list[list[tuple[int, int, list[Segment]]]],
) -> None:
    shown, terminal = canvas(), Terminal()
    rows = {y: row([]) for y in range(HEIGHT)}
    for y, parts in rows.items():
        shown.put(y, 0, parts)
    terminal.feed(shown.frame())
    for frame in drawn:
        for y, x, parts in frame:
            rows[y] = row(parts)
            shown.put(y, x, rows[y])
        terminal.feed(shown.frame())
        assert terminal.cells() == wholly(rows)
    assert shown.frame() == "", "what is shown already is not sent again"


def test_one_number_costs_its_digit_where_the_cursor_goes_and_its_colour() -> None:
    shown = canvas()
    parts = [Segment("agents ", Style.parse("bold")), Segment("1,20", Style.parse("red")), Segment("  x")]
    shown.put(1, 0, parts)
    shown.frame()
    shown.put(1, 0, [parts[0], Segment("1,27", parts[1].style), parts[2]])
    assert shown.frame() == "\x1b[2;11H\x1b[31m7\x1b[m"
    shown.put(1, 0, [parts[0], Segment("1,27", Style.parse("red")), parts[2]])
    assert shown.frame() == ""


def test_columns_of_one_colour_are_sent_one_after_another() -> None:
    red, green = Style.parse("#ff0000 on #101010"), Style.parse("#00ff00 on #101010")
    shown = canvas()
    for number in (1, 2):
        for y in range(HEIGHT):
            shown.put(y, 0, [Segment(f"{number}", red), Segment("     ", green), Segment(f"{number}", green)])
        sent = shown.frame()
    assert len(re.findall(r"\x1b\[[0-9;]*m", sent)) == 3, "each colour once, and the reset"


def test_after_forgetting_everything_is_sent_again() -> None:
    shown = canvas()
    shown.put(0, 0, [Segment("same")])
    assert "same" in shown.frame()
    shown.forget()
    shown.put(0, 0, [Segment("same")])
    assert "same" in shown.frame()
    shown.resize(WIDTH + 1, HEIGHT)
    shown.put(0, 0, [Segment("same")])
    assert "same" in shown.frame()
    shown.resize(WIDTH + 1, HEIGHT)
    shown.put(0, 0, [Segment("same")])
    assert shown.frame() == ""


def test_what_would_control_the_terminal_is_not_sent() -> None:
    shown = canvas()
    shown.put(0, 0, [Segment("a\x1b[2Jb\x07\u202ec\x9b")])
    sent = re.sub(r"\x1b\[[0-9;]*[mH]", "", shown.frame())
    assert sent.startswith("a[2Jb")
    assert all(character.isprintable() for character in sent)


def test_what_lies_outside_of_the_terminal_is_cut_off() -> None:
    shown, terminal = canvas(), Terminal()
    shown.put(0, WIDTH - 2, [Segment("abc")])
    shown.put(HEIGHT, 0, [Segment("below")])
    shown.put(1, WIDTH - 1, [Segment("日")])
    terminal.feed(shown.frame())
    assert terminal.cells()[0][-2:] == [
        ("a", "default", "default", *[False] * 4),
        ("b", "default", "default", *[False] * 4),
    ]
    assert terminal.cells()[2] == [(" ", "default")] * WIDTH


def test_a_pen_changes_by_the_shortest_way() -> None:
    red = pen_of(Style.parse("red"), ColorSystem.STANDARD)
    assert red is pen("31") is pen_of(Style.parse("red"), ColorSystem.STANDARD)
    assert change(red, red) == ""
    assert change(PLAIN, red) == "\x1b[31m"
    assert change(red, PLAIN) == "\x1b[m"
    bold, dim = frozenset("1"), frozenset("2")
    assert change(pen("31", "44", bold), pen("31", "44")) == "\x1b[22m"
    assert change(pen("31", "44", bold | dim), pen("31", "44", dim)) == "\x1b[22;2m", "one code ends both"
    assert change(pen("31", "44", bold), pen()) == "\x1b[m"
