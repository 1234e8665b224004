"""A recording of somebody hostile, played again in a terminal: it may show what it likes, and have nothing answered."""

from __future__ import annotations

import pyte
from hypothesis import example, given
from hypothesis import strategies as st

from hostile.strategies import examples, text
from killswitch_console.audit.playing import harmless

ANSWERED = (
    *("\x1b[c", "\x1b[>c", "\x1b[6n", "\x1b[?6n", "\x1bZ", "\x05", "\x9a", "\x1b[?1$p", "\x1b[>q", "\x1bP$qm\x1b\\"),
    *("\x1b]11;?\x07", "\x1b]52;c;eA==\x07", "\x1b[18t", "\x1bc", "\x1b[!p", "\x1b[?2004h", "\x1b[21t"),
)
"""What terminals answer, or keep."""


class Answering(pyte.Screen):
    """A terminal that notes what it would answer."""

    said = ""

    def write_process_input(self, data: str) -> None:
        self.said += data


@examples(80)
@given(st.lists(st.one_of(st.sampled_from(ANSWERED), text), max_size=6), st.integers(0, 40), st.integers(0, 40))
@example(["\x1b[6\x1b[5nn"], 0, 0)
@example(["\x1b[6n"], 2, 3)
@example(["\x1b[", "6n"], 40, 40)
def test_a_recording_played_again_asks_a_terminal_nothing(parts: list[str], one: int, other: int) -> None:
    """However its frames are cut: what one begins, the next must not end."""
    whole = "".join(parts)
    cuts = sorted((one, other))
    frames = [whole[: cuts[0]], whole[cuts[0] : cuts[1]], whole[cuts[1] :]]
    terminal = Answering(80, 24)
    shown = "".join(harmless(frame) for frame in frames)
    pyte.Stream(terminal).feed(shown)
    assert terminal.said == ""
    assert terminal.title == ""
    for begun in shown.split("\x1b")[1:]:
        assert begun[0] == "["
        assert begun.lstrip("[?0123456789;:")[:1] in "ABCDEFGHJKLMPSTXdfm@`hl"
    assert not set(shown) & set("\x05\x0e\x0f\x07\x9a\x9b\x9d\u202e")


def test_what_our_own_screens_write_is_played_as_it_was() -> None:
    ours = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J\x1b[1;31mred\x1b[0m\x1b[3;4Hcafé 日本\x1b[2C│\r\n"
    assert harmless(ours) == ours
