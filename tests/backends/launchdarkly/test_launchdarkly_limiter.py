from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from killswitch_backends.launchdarkly.limiter import SPARE, WINDOW, RateLimiter


@dataclass
class Time:
    """A clock that tests move."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


def headers(*, left: int, reset: float, route: int | None = None) -> dict[str, str]:
    told = {"X-Ratelimit-Global-Remaining": str(left), "X-Ratelimit-Reset": str(int(reset * 1000))}
    return told if route is None else {**told, "X-Ratelimit-Route-Remaining": str(route)}


async def passes(limiter: RateLimiter, route: str = "patch", *, background: bool = False) -> bool:
    """Whether a call may go out now."""
    try:
        async with asyncio.timeout(0.01):
            await limiter.acquire(route, background=background)
    except TimeoutError:
        return False
    return True


async def test_nothing_is_assumed_before_an_answer() -> None:
    limiter = RateLimiter()
    assert all([await passes(limiter) for _ in range(500)])


async def test_a_window_that_answers_show_to_be_used_up_is_waited_out() -> None:
    clock = Time()
    limiter = RateLimiter(clock=clock, wall=clock)
    limiter.learn("patch", headers(left=100, route=2, reset=1005))
    assert [await passes(limiter) for _ in range(3)] == [True, True, False]
    assert await passes(limiter, "get")
    clock.at = 1005.0
    assert await passes(limiter)


async def test_background_work_leaves_something_for_a_halt() -> None:
    clock = Time()
    limiter = RateLimiter(clock=clock, wall=clock)
    limiter.learn("list", headers(left=SPARE, reset=1005))
    assert not await passes(limiter, "list", background=True)
    assert await passes(limiter)


async def test_an_older_answer_does_not_give_back_what_was_spent() -> None:
    clock = Time()
    limiter = RateLimiter(clock=clock, wall=clock)
    limiter.learn("patch", headers(left=100, route=1, reset=1005))
    assert await passes(limiter)
    limiter.learn("patch", headers(left=100, route=5, reset=1005))
    assert not await passes(limiter)


async def test_a_refused_route_waits_and_others_go_on() -> None:
    clock = Time()
    limiter = RateLimiter(clock=clock, wall=clock)
    limiter.exhausted("patch", 3)
    assert (await passes(limiter), await passes(limiter, "get")) == (False, True)


@given(skew=st.floats(-1e6, 1e6), left=st.floats(0, WINDOW))
def test_a_wrong_clock_here_does_not_change_the_wait(skew: float, left: float) -> None:
    there = 1_700_000_000.0
    limiter = RateLimiter(wall=lambda: there + skew)
    told = {"X-Ratelimit-Reset": str(int((there + left) * 1000)), "Date": formatdate(there, usegmt=True)}
    wait = limiter.until_reset(told)
    assert 0 <= wait <= WINDOW
    assert abs(wait - left) <= 2.1


def test_no_header_or_nonsense_is_no_wait() -> None:
    limiter = RateLimiter(wall=time.time)
    assert limiter.until_reset({}) == 0
    assert limiter.until_reset({"X-Ratelimit-Reset": "soon", "Date": "yesterday"}) == 0
