"""Events wait merged, and whoever puts them in is never held up."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

from console.tui.still import record
from console.tui.test_model import agent
from killswitch_console.halting.events import FleetChanged, HaltBegun, HaltEnded, TargetsMoved, Warned
from killswitch_console.halting.progress import TargetState
from killswitch_console.tui.inbox import MOST_WARNINGS, Inbox
from killswitch_inventory.agents import AgentKey, Health

A, B = AgentKey("refund", "acme", "a"), AgentKey("refund", "acme", "b")


def pending(_: object) -> TargetState:
    return TargetState.PENDING


HALT = record("class:refund", pending, begun=timedelta(seconds=1), ended=False)


def test_a_burst_is_one_change_of_the_fleet_with_the_latest_of_each() -> None:
    inbox = Inbox(lambda: None)
    inbox.put(FleetChanged((agent(A), agent(B)), (), ()))
    inbox.put(FleetChanged((agent(A, Health.FAILING),), (B,), ()))
    assert inbox.take() == [FleetChanged((agent(A, Health.FAILING),), (B,), ())]
    assert inbox.take() == []


def test_what_went_and_came_back_is_there() -> None:
    inbox = Inbox(lambda: None)
    inbox.put(FleetChanged((), (A,), ()))
    inbox.put(FleetChanged((agent(A),), (), ()))
    assert inbox.take() == [FleetChanged((agent(A),), (), ())]


def test_targets_that_move_often_are_told_once_and_after_their_record() -> None:
    inbox = Inbox(lambda: None)
    first, *_ = HALT.targets
    later = replace(first, state=TargetState.REQUESTED)
    inbox.put(HaltBegun(HALT))
    inbox.put(TargetsMoved("x", (first,)))
    inbox.put(TargetsMoved("x", (later,)))
    assert inbox.take() == [HaltBegun(HALT), TargetsMoved("x", (later,))]


def test_a_record_says_all_that_moved_before_it() -> None:
    inbox = Inbox(lambda: None)
    inbox.put(TargetsMoved(HALT.header.halt_id, HALT.targets))
    inbox.put(HaltEnded(HALT))
    assert inbox.take() == [HaltEnded(HALT)]


def test_warnings_do_not_pile_up() -> None:
    inbox = Inbox(lambda: None)
    for n in range(3 * MOST_WARNINGS):
        inbox.put(Warned(f"{n}"))
    assert len(inbox.take()) == MOST_WARNINGS


def test_the_loop_is_woken_once_per_burst_from_any_thread() -> None:
    woken: list[int] = []
    inbox = Inbox(lambda: woken.append(1))

    def put() -> None:
        for _ in range(200):
            inbox.put(FleetChanged((agent(A),), (), ()))

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(woken) == 1
    assert len(inbox.take()) == 1
    put()
    assert len(woken) == 2


def test_what_must_not_wait_wakes_the_loop_although_numbers_wait_already() -> None:
    woken: list[int] = []
    inbox = Inbox(lambda: woken.append(1))
    inbox.put(FleetChanged((agent(A),), (), ()))
    inbox.put(TargetsMoved("x", HALT.targets))
    assert (len(woken), inbox.urgent) == (1, False)
    inbox.put(Warned("the disk is full"))
    inbox.put(Warned("and stays so"))
    assert (len(woken), inbox.urgent) == (2, True)
    inbox.take()
    assert not inbox.urgent
