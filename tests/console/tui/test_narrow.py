"""Only dirty cells are sent; the private names of Textual that this leans on exist; frames of news are paced."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region

from console.tui.driving import console
from console.tui.scripted import small_world
from killswitch_console.tui.narrow import NarrowCompositor, NarrowUpdate
from killswitch_console.tui.pacing import BURST_BYTES, BYTES_PER_SECOND, LEAST_SECONDS, MOST_SECONDS, Pace
from killswitch_console.tui.widgets.fleet_tree import FleetTree


def test_the_private_names_it_uses_exist() -> None:
    assert list(inspect.signature(ChopsUpdate.__init__).parameters) == ["self", "chops", "spans", "chop_ends"]
    assert callable(Compositor.render_partial_update)
    assert "cuts" in dir(Compositor)


async def test_a_dirty_cell_is_sent_and_the_row_before_it_is_not(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        screen, tree = driven.app.screen, driven.app.screen.query_one(FleetTree)
        compositor = screen._compositor
        assert isinstance(compositor, NarrowCompositor)
        row = tree.region.y
        shown = [driven.text.splitlines()[row], driven.text.splitlines()[row + 1]]
        compositor._dirty_regions.clear()
        compositor._dirty_regions.update({Region(20, row, 5, 1), Region(40, row, 3, 1), Region(8, row + 1, 4, 1)})
        update = compositor.render_partial_update()
        assert isinstance(update, NarrowUpdate)
        sent = update.render_segments(driven.app.console)
        pieces = re.split(r"\x1b\[(\d+);(\d+)H", re.sub(r"\x1b\[[0-9;]*m", "", sent))[1:]
        placed = {(int(y) - 1, int(x) - 1): text for y, x, text in zip(*[iter(pieces)] * 3, strict=True)}
        assert placed == {
            (row, 20): shown[0][20:25].ljust(5),
            (row, 40): shown[0][40:43].ljust(3),
            (row + 1, 8): shown[1][8:12].ljust(4),
        }


def test_news_after_a_quiet_time_are_painted_at_once_and_ten_times_a_second_at_most() -> None:
    pace = Pace()
    assert pace.wait(100.0, 0) <= 0.001
    pace.framed(100.0)
    assert abs(pace.wait(100.02, 50) - (LEAST_SECONDS - 0.02)) < 1e-9
    assert pace.wait(101.0, 100) <= 0.001


def test_a_stream_of_large_frames_stays_within_the_line() -> None:
    pace, now, sent, frames = Pace(), 1000.0, 0, 0
    while now < 1060.0:
        now += pace.wait(now, sent)
        pace.framed(now)
        sent += 1500
        frames += 1
    assert sent <= 60 * BYTES_PER_SECOND + BURST_BYTES + 1500
    assert frames > 20
    assert pace.wait(now, sent + 10_000_000) == MOST_SECONDS, "news never wait longer, whatever was sent"
