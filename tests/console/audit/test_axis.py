"""The axis of the timeline: in order, within its places, and legible when a restore comes a day later."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from killswitch_console.audit.axis import Axis, spoken

seconds = st.floats(0, 10**6, allow_nan=False)


@given(st.lists(seconds, max_size=20))
def test_moments_keep_their_order_and_stay_inside(moments: list[float]) -> None:
    axis = Axis.of(moments, 150, 940)
    places = [axis.place(at) for at in sorted(moments)]
    assert places == sorted(places)
    assert all(150 <= place <= 940 for place in places)
    ticks = [at for at, _ in axis.ticks()]
    assert ticks == sorted(ticks)
    assert 1 <= len(ticks) <= 20


def test_a_restore_a_day_later_leaves_the_halt_legible() -> None:
    axis = Axis.of([0.4, 3, 9, 26, 60, 86_400, 86_414], 150, 940)
    assert axis.place(26) - axis.place(3) > 100
    assert axis.place(86_414) - axis.place(86_400) > 100
    assert axis.cut is not None
    assert "+0 s" in [said for _, said in axis.ticks()]
    assert axis.cut[2] > 86_000


def test_what_fits_is_drawn_to_scale() -> None:
    axis = Axis.of([10, 20, 30, 40], 0, 104)
    assert axis.cut is None
    assert [axis.place(at) for at in (10, 20, 40)] == [25, 50, 100]


SAID = [(0.5, "0.5 s"), (60, "60 s"), (600, "10 min"), (7200, "2 h"), (9000, "2.5 h")]


@pytest.mark.parametrize(("given_", "said"), SAID)
def test_seconds_are_said_as_people_do(given_: float, said: str) -> None:
    assert spoken(given_) == said
