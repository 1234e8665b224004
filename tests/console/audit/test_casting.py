"""Recordings: readable by any asciicast player, without secrets, events as markers; replay lets nothing harmful out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from killswitch_console.audit.casting import Recording, read_recording
from killswitch_console.audit.playing import at_marker, harmless, load, play
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.volumes import TrailDirectory
from trails import a_session, bodies, recording


def a_recording(path: Path, version: int = 2) -> Recording:
    session = a_session()
    session.scrubber.learn("hunter2-and-more")
    made = Recording(path, columns=80, rows=24, version=version, scrub=session.scrubber)
    for number in range(5):
        made.output(f"frame {number}\r\n")
    made.marker("01ARZ3 halt.confirmed")
    made.output("the token is hunter2-and-more\r\n")
    made.resized(120, 40)
    made.close()
    return made


@pytest.mark.parametrize("version", [2, 3])
def test_it_is_an_asciicast_without_secrets(tmp_path: Path, version: int) -> None:
    path = tmp_path / "a.cast"
    assert a_recording(path, version).failure == ""
    header, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert header["version"] == version
    assert (header.get("width") or header["term"]["cols"]) == 80
    assert [code for _, code, _ in lines] == ["o"] * 5 + ["m", "o", "r"]
    times = [at for at, _, _ in lines]
    assert all(at >= 0 for at in times)
    assert version == 3 or times == sorted(times)
    assert "hunter2" not in path.read_text()
    with path.open() as file:
        assert [at for at, _, _ in read_recording(file)] == sorted(at for at, _, _ in load(path))
    assert path.stat().st_mode & 0o077 == 0


def test_a_torn_recording_plays_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.cast"
    a_recording(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert len(load(path)) == 7


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1}', "not json"])
def test_what_is_no_recording_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.cast").write_text(text)
    with pytest.raises(TrailUnavailable):
        load(tmp_path / "a.cast")


async def test_replay_starts_at_a_marker_with_the_screen_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.cast"
    a_recording(path)
    directory = TrailDirectory(tmp_path)
    assert await play(directory, str(path), start="halt.confirmed", speed=0, idle=1) == 0
    out = capsys.readouterr().out
    assert out.index("frame 4") < out.index("the token is [secret]")
    with pytest.raises(TrailUnavailable, match="no marker"):
        at_marker(load(path), "halt.ended")
    with pytest.raises(TrailUnavailable, match="no recording"):
        await play(directory, "../../etc/passwd*", start=None, speed=0, idle=1)


@pytest.mark.parametrize(
    "evil",
    [
        "\x1b]52;c;ZXZpbA==\x07", "\x1b]0;title\x1b\\", "\x1bP+q544e\x1b\\", "\x1b[6n", "\x1b[c", "\x1b[21t",
        "\x1b]8;;http://evil\x1b\\", "\x1b[?1000h", "\x1b[?2004h", "\x9d52;c;x\x07",
    ],
)  # fmt: skip
def test_replay_lets_nothing_out_that_answers_or_acts(evil: str) -> None:
    assert "\x1b" not in harmless(f"a{evil}b").replace("\x1b[1m", "")
    assert harmless("\x1b[1;31mred\x1b[0m\x1b[2J\x1b[10;5H") == "\x1b[1;31mred\x1b[0m\x1b[2J\x1b[10;5H"


async def test_the_trail_keeps_the_recordings_hash(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    async with recording(directory) as recorder:
        screen = recorder.session.screen
        screen.begin(Recording(tmp_path / "a.cast", columns=80, rows=24, version=2, scrub=str))
        await recorder.require("plan.shown", {})
    (kept,) = [body["data"] for body in bodies(directory) if body["kind"] == "session.recorded"]
    (shown,) = [body["id"] for body in bodies(directory) if body["kind"] == "plan.shown"]
    assert isinstance(kept, dict)
    assert kept["file"] == "a.cast"
    assert any(code == "m" and text == f"{shown} plan.shown" for _, code, text in load(tmp_path / "a.cast"))
