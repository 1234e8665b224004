"""The call budget: never faster than its rate, the most urgent first, slower when told so, and back again."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from killswitch_backends.aws_common.budget import CUT, SLOWEST, Bucket, Budgets, Urgency
from skipping_loop import run_skipping

URGENCIES = st.lists(st.sampled_from(list(Urgency)), min_size=1, max_size=60)


async def served(bucket: Bucket, urgencies: list[Urgency]) -> list[tuple[float, Urgency]]:
    """Who was let go when, all having asked at once."""
    times: list[tuple[float, Urgency]] = []

    async def one(urgency: Urgency) -> None:
        await bucket.take(urgency)
        times.append((asyncio.get_running_loop().time(), urgency))

    async with asyncio.TaskGroup() as tasks:
        for urgency in urgencies:
            tasks.create_task(one(urgency))
    return times


@given(urgencies=URGENCIES, rate=st.floats(1, 200), burst=st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_no_window_ever_holds_more_calls_than_rate_and_burst_allow(
    urgencies: list[Urgency], rate: float, burst: int
) -> None:
    times = [at for at, _ in run_skipping(served(Bucket(rate, burst), urgencies))]
    assert len(times) == len(urgencies)
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= burst + (times[last] - start) * rate + 1e-6


@given(urgencies=URGENCIES)
@settings(max_examples=40, deadline=None)
def test_once_the_burst_is_spent_the_most_urgent_go_first(urgencies: list[Urgency]) -> None:
    async def scene() -> list[tuple[float, Urgency]]:
        bucket = Bucket(10.0, 1)
        await bucket.take(Urgency.HALT)
        return await served(bucket, urgencies)

    order = [urgency for _, urgency in run_skipping(scene())]
    assert order == sorted(urgencies)


def test_looking_around_leaves_room_for_a_halt_to_start_at_once() -> None:
    async def scene() -> float:
        bucket = Bucket(10.0, 8)
        looking = asyncio.create_task(served(bucket, [Urgency.SIGHT] * 50))
        await asyncio.sleep(2.05)
        began = asyncio.get_running_loop().time()
        await served(bucket, [Urgency.HALT] * 4)
        waited = asyncio.get_running_loop().time() - began
        looking.cancel()
        return waited

    assert run_skipping(scene()) == 0.0


def test_a_throttle_slows_it_down_once_pauses_it_and_is_forgotten_in_time() -> None:
    async def scene() -> None:
        loop, bucket = asyncio.get_running_loop(), Bucket(15.0, 5)
        bucket.throttled(2.0)
        bucket.throttled(None)  # a second answer to calls sent before: no second cut
        assert bucket.rate == 15.0 * CUT
        began = loop.time()
        await bucket.take(Urgency.HALT)
        assert loop.time() - began >= 2.0
        await asyncio.sleep(20)
        await bucket.take(Urgency.HALT)
        assert bucket.rate == 15.0

    run_skipping(scene())


def test_it_never_stops_however_often_it_is_throttled() -> None:
    async def scene() -> None:
        bucket = Bucket(15.0, 5)
        for _ in range(50):
            bucket.throttled(None)
            await asyncio.sleep(1.0)
        assert bucket.rate >= 15.0 * SLOWEST
        await bucket.take(Urgency.SIGHT)

    run_skipping(scene())


def test_a_caller_that_gave_up_costs_nothing() -> None:
    async def scene() -> list[tuple[float, Urgency]]:
        bucket = Bucket(10.0, 1)
        await bucket.take(Urgency.HALT)
        gone = [asyncio.create_task(bucket.take(Urgency.HALT)) for _ in range(10)]
        await asyncio.sleep(0)
        for task in gone:
            task.cancel()
        return await served(bucket, [Urgency.HALT] * 3)

    times = [at for at, _ in run_skipping(scene())]
    assert all(later - earlier < 0.11 for earlier, later in pairwise(times))
    assert times[-1] < 1000.0 + 0.5


def test_tables_of_one_account_share_a_bucket_and_its_lowest_rate() -> None:
    async def scene() -> None:
        budgets = Budgets()
        one = budgets.bucket("control", "aws", "111122223333", "eu-central-1", rate=15, burst=5)
        assert budgets.bucket("control", "aws", "111122223333", "eu-central-1", rate=10, burst=5) is one
        assert one.rate == 10
        assert budgets.bucket("control", "aws", "111122223333", "us-east-1", rate=15, burst=5) is not one

    run_skipping(scene())
