"""The banner while anything is halted, held or revived, here or by another bastion."""

from __future__ import annotations

from killswitch_console.tui.lines import top
from killswitch_console.tui.lines.spans import Line
from killswitch_console.tui.signing import Glance, Sign


def _banner(glance: Glance[None], width: int) -> Line | None:
    lines = top.banner(glance.state.book, glance.now, width)
    return lines[0] if lines else None


SIGN = Sign(name="held", order=20, banner=_banner)
