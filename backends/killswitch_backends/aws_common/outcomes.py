"""Several calls side by side where one's failure must not cancel the others: a problem as a value."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from killswitch_backends.problems import Problem, Refused, Throttled, Unreachable

T = TypeVar("T")


async def outcome(call: Awaitable[T]) -> T | Problem:
    """The answer, or the problem there was instead."""
    try:
        return await call
    except Problem as problem:
        return problem


async def or_refusal(call: Awaitable[T]) -> T | Refused:
    """The answer, or the refusal: that part stays unknown. Any other problem is raised."""
    try:
        return await call
    except Refused as problem:
        return problem


async def problems_of(steps: Iterable[Awaitable[object]]) -> list[Problem]:
    """Take every step at once, each to its end; the problems there were, those worth a retry first."""
    async with asyncio.TaskGroup() as tasks:
        taken = [tasks.create_task(outcome(step)) for step in steps]
    found = [task.result() for task in taken]
    return sorted((one for one in found if isinstance(one, Problem)), key=lambda p: not retryable(p))


def retryable(problem: Problem) -> bool:
    """Whether the same request may well succeed in a moment."""
    return isinstance(problem, (Throttled, Unreachable))
