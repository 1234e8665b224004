"""News are taken in some times a second; whole frames are spaced out by what they cost the line."""

from __future__ import annotations

import pytest

from killswitch_console.tui.pacing import (
    BURST_BYTES,
    BYTES_PER_SECOND,
    CALM_SECONDS,
    LEAST_SECONDS,
    MOST_SECONDS,
    Pace,
)


def test_news_after_a_quiet_time_are_taken_at_once_and_ten_times_a_second_at_most() -> None:
    pace = Pace()
    assert pace.wait(100.0, urgent=False) <= 0.001
    pace.taken(100.0)
    assert pace.wait(100.02, urgent=True) == pytest.approx(LEAST_SECONDS - 0.02)
    assert pace.wait(100.02, urgent=False) == pytest.approx(CALM_SECONDS - 0.02)
    assert pace.wait(101.0, urgent=True) <= 0.001
    assert CALM_SECONDS < 0.2, "a halt's counts are at most so old"


def test_a_stream_of_large_frames_stays_within_the_line() -> None:
    pace, sent, frames = Pace(), 0, 0
    for now in (1000.0 + step * CALM_SECONDS for step in range(round(60 / CALM_SECONDS))):
        if pace.carries(now, sent):
            pace.painted(now)
            sent += 800
            frames += 1
    assert sent <= 60 * BYTES_PER_SECOND + BURST_BYTES + 800
    assert frames > 60 / MOST_SECONDS


def test_nothing_waits_longer_than_a_second_whatever_was_sent() -> None:
    pace = Pace()
    pace.painted(1000.0)
    assert not pace.carries(1000.5, 10_000_000)
    assert pace.carries(1000.0 + MOST_SECONDS, 10_000_000)


def test_what_was_sent_is_paid_off_by_the_quiet_time_after_it() -> None:
    pace = Pace()
    assert pace.carries(1000.0, 0)
    pace.painted(1000.0)
    assert not pace.carries(1000.9, 6000), "the line is busy with it"
    pace = Pace()
    assert pace.carries(1000.0, 0)
    pace.painted(1004.0)
    assert pace.carries(1004.5, 6000), "the first screen, seconds ago, holds up no fleet that arrives now"
