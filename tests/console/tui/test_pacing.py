"""Frames of news are spaced out by what they cost the line."""

from __future__ import annotations

from killswitch_console.tui.pacing import BURST_BYTES, BYTES_PER_SECOND, LEAST_SECONDS, MOST_SECONDS, Pace


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
