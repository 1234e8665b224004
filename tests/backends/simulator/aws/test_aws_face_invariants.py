"""What must hold of the face's parts whatever happens: token buckets, pages, the pool of concurrency, the invoker."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from aws_face import Stage
from killswitch_backends.simulator.aws.behaviour import Rate
from killswitch_backends.simulator.aws.buckets import TokenBucket
from killswitch_backends.simulator.aws.functions.function import Function, Settings
from killswitch_backends.simulator.aws.functions.invoker import Invoker
from killswitch_backends.simulator.aws.functions.region import Region
from killswitch_backends.simulator.aws.pages import page
from virtual_clock import VirtualClock

STEP = 0.25
RESERVATIONS = st.sampled_from([None, 0, 1, 2, 5])


@settings(deadline=None)
@given(st.lists(st.floats(0, 2), max_size=60), st.integers(1, 20), st.integers(1, 10))
def test_a_bucket_never_lets_more_through_than_its_rate_and_says_when_to_return(
    pauses: list[float], per_second: int, burst: int
) -> None:
    clock = VirtualClock()
    bucket = TokenBucket(Rate(per_second=per_second, burst=burst), clock=clock)
    for passed, pause in enumerate(pauses, start=1):
        clock.advance(pause)
        wait = bucket.take()
        if wait > 0:
            clock.advance(wait + 1e-6)
            assert bucket.take() == 0
        assert passed <= burst + per_second * clock.elapsed() + 1e-6


@settings(deadline=None)
@given(st.sets(st.text(min_size=1, max_size=5), max_size=40), st.integers(1, 15), st.data())
def test_pages_show_every_item_that_stays_exactly_once(names: set[str], size: int, data: st.DataObject) -> None:
    going = data.draw(st.sets(st.sampled_from(sorted(names)))) if names else set()
    items, seen = sorted(names), list[str]()
    marker: str | None = None
    while True:
        chunk, marker = page(items, key=str, marker=marker, size=size)
        seen.extend(chunk)
        if marker is None:
            break
        items = [item for item in items if item not in going]  # deleted between two pages
    assert len(seen) == len(set(seen))
    assert names - going <= set(seen) <= names


def one_function(clock: VirtualClock) -> tuple[Region, Function, Invoker, Stage]:
    region, stage = Region(name="eu-central-1", account="111122223333"), Stage()
    function = Function("refund-1", region.arn("refund-1"), Settings(role="r", timeout=2), "", "", agent="refund-1")
    region.add(function)
    return region, function, Invoker(acting=stage, clock=clock, rng=Random(1)), stage


@settings(deadline=None)
@given(st.lists(st.tuples(RESERVATIONS, st.integers(1, 20)), max_size=12))
def test_what_runs_is_what_the_world_was_told_and_obeys_the_reservation_once_old_runs_are_over(
    steps: list[tuple[int | None, int]],
) -> None:
    clock = VirtualClock()
    region, function, invoker, stage = one_function(clock)
    invoker.keep_busy(region, function, sources=3)
    for reserved, count in steps:
        region.reserve(function, reserved)
        before = set(stage.running)
        for tick in range(1, count + 1):
            clock.advance(STEP)
            while invoker.beat():
                pass
            assert len(stage.running) == function.running <= 3
            new = set(stage.running) - before
            assert reserved is None or len(new) <= reserved
            if tick * STEP > function.settings.timeout:
                assert not before & set(stage.running)
        assert region.unreserved == region.concurrency_limit - (reserved or 0)
    region.reserve(function, 0)
    for _tick in range(int(function.settings.timeout / STEP) + 1):
        clock.advance(STEP)
        invoker.beat()
    assert (function.running, region.unreserved_running, stage.running) == (0, 0, {})


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), RESERVATIONS), max_size=30))
def test_the_pool_is_the_limit_less_all_reservations(steps: list[tuple[str, int | None]]) -> None:
    region = Region(name="eu-central-1", account="111122223333")
    for name in ("a", "b", "c"):
        region.add(Function(name, region.arn(name), Settings(role="r"), "", ""))
    for name, reserved in steps:
        region.reserve(region.functions[name], reserved)
        taken = sum(function.reserved or 0 for function in region.listed())
        assert region.unreserved == region.concurrency_limit - taken
    for function in list(region.listed()):
        region.remove(function)
    assert region.unreserved == region.concurrency_limit
