"""The last known fleet, painted before anything is imported: a picture that fits, is aged, and harms no terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.tui.still import still_console
from killswitch_console.tui import last_frame
from killswitch_console.tui.keeping import keep_quietly, known_now
from killswitch_console.tui.last_frame import KnownFleet, KnownGroup, lines, recall
from killswitch_console.tui.model import Grouping
from painted import painted

groups = st.builds(
    KnownGroup,
    st.text(max_size=30),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.text(max_size=12),
    st.integers(0, 10**6),
)


@given(st.lists(groups, max_size=60), st.integers(20, 300), st.integers(3, 100), st.text(max_size=30))
def test_whatever_was_known_is_drawn_within_the_screen_and_without_teeth(
    known: list[KnownGroup], width: int, height: int, environment: str
) -> None:
    drawn = lines(environment, KnownFleet(0.0, "class", tuple(known)), width, height)
    assert len(drawn) <= height
    for line in drawn:
        text = re.sub(r"\x1b\[[0-9;]*m", "", last_frame._line(line, width))
        assert len(text) <= width
        assert text.isprintable()


async def test_a_session_keeps_what_it_knows_by_class_whatever_is_filtered(tmp_path: Path) -> None:
    async with still_console(size=(80, 24)) as driven:
        driven.app.group_by(Grouping.HEALTH)
        driven.app.filter_by("state:fail")
        await driven.sees("1 of 12 agents")
        known = known_now(driven.state.fleet, time.time() - 7200)
        keep_quietly(tmp_path, known)
        assert recall(tmp_path / "fleet") == known
        assert [(group.name, group.agents) for group in known.groups] == [
            ("billing", 3),
            ("outreach", 4),
            ("refund", 3),
            ("research", 2),
        ]
        text = "\n".join(text for _, text in lines("production", known, 80, 24))
        assert "12 agents  33 running" in text
        assert "last known 2 h ago" in text
        assert "✖1 ●3" in text


@pytest.mark.parametrize(
    "content", ["", "[]", '{"at": "x"}', '{"at": 1, "grouping": "class", "groups": [{"name": 1}]}']
)
def test_a_frame_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / last_frame.FILE).write_text(content)
    assert recall(tmp_path) is None
    assert recall(tmp_path / "nowhere") is None


def test_what_is_painted_first_imports_neither_textual_nor_the_engine() -> None:
    code = (
        "import sys, killswitch_console.tui.last_frame;"
        "print([m for m in sys.modules if m.startswith(('textual', 'rich', 'pydantic', 'killswitch_console.halting'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_the_first_frame_gives_the_terminal_back_when_no_console_follows(tmp_path: Path) -> None:
    """A configuration that is wrong is told on the screen that the person had before."""
    last_frame.keep(tmp_path / "fleet", KnownFleet(time.time(), "class", (KnownGroup("refund", 3, 7, "●3", 0),)))
    config = tmp_path / "config.toml"
    config.write_text(f'environment = "production"\nstate_dir = "{tmp_path}"\nno_such_key = 1\n')
    command = [sys.executable, "-m", "killswitch_console.cli.main", "--config", str(config)]
    async with painted(command, size=(80, 24), env={"PYTHONPATH": os.environ.get("PYTHONPATH", "")}) as screen:
        await screen.shows("last known 0 s ago", "refund 3", "no_such_key: unknown key")
        assert await screen.end() == 2
        seen = screen.painted()
        assert (
            seen.index(b"\x1b[?1049h") < seen.index(b"refund 3") < seen.index(b"\x1b[?1049l") < seen.index(b"no_such")
        )
