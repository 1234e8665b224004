"""How old everyday credentials are, and when they end: what nobody rotates is what leaks, or ends in the night.

By the same days as break-glass (80, 90), but never red for age alone: an old key still halts. One that has ended does
not. What cannot be read is said, and is not red.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from killswitch_backends.ages import Age, TellsAges
from killswitch_backends.checking import Finding, Standing
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Backend
from killswitch_console.checking.concern import Concern, Inquiry
from killswitch_console.vault.register import AMBER_DAYS, RED_DAYS
from killswitch_inventory.targets import BackendRef

ASK_SECONDS = 15.0

SHORT = timedelta(days=2)
"""What lasts no longer than this is issued anew by somebody: its end is no news."""


async def everyday(inquiry: Inquiry) -> tuple[Finding, ...]:
    """The findings of every table that is open; while the glass is broken they are not everyday ones."""
    engine = inquiry.engine
    if engine.glass.opening is not None:
        what = "break-glass is open: the everyday credentials are not looked at"
        return (Finding("everyday credentials", Standing.UNKNOWN, what, "seal it, then check"),)
    open_now = engine.backends
    asked = [_table(ref, open_now.get(ref), inquiry.now) for ref in sorted(engine.settings.openers)]
    return tuple(finding for findings in await asyncio.gather(*asked) for finding in findings)


async def _table(ref: BackendRef, backend: Backend | None, now: datetime) -> Sequence[Finding]:
    if backend is None:
        return [_unknown(ref, "its credentials' age cannot be told: it is not open")]
    if not isinstance(backend, TellsAges):
        return [_unknown(ref, "this kind of platform cannot tell how old its credentials are")]
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return [finding(ref, age, now) for age in await backend.ages()]
    except TimeoutError:
        return [_unknown(ref, f"its credentials' age could not be read within {ASK_SECONDS:g} s")]
    except Problem as problem:
        return [_unknown(ref, f"its credentials' age cannot be read: {problem.what}", problem.todo)]


def finding(ref: BackendRef, age: Age, now: datetime) -> Finding:
    """What to make of one credential's time."""
    if age.unknown:
        return _unknown(ref, f"the age of {age.what} cannot be read: {age.unknown}", age.todo)
    if age.renewed_by:
        return Finding(str(ref), Standing.OK, f"{age.what} need no rotation: renewed by {age.renewed_by}")
    standing, what = _ending(age, age.expires_at, now) if age.expires_at else _aging(age, now)
    return Finding(str(ref), standing, what, "" if standing is Standing.OK else "rotate it")


def _ending(age: Age, end: datetime, now: datetime) -> tuple[Standing, str]:
    if end <= now:
        return Standing.PROBLEM, f"{age.what} expired on {end:%Y-%m-%d}"
    short = age.made_at is not None and end - age.made_at <= SHORT
    if short:
        return Standing.OK, f"{age.what} is short-lived: it ends at {end:%Y-%m-%d %H:%M} UTC"
    left = (end - now).days
    standing = Standing.WARNING if left < RED_DAYS - AMBER_DAYS else Standing.OK
    return standing, f"{age.what} expires on {end:%Y-%m-%d}, in {left} days"


def _aging(age: Age, now: datetime) -> tuple[Standing, str]:
    if age.made_at is None:
        return Standing.UNKNOWN, f"the age of {age.what} cannot be told"
    days = max(0, (now - age.made_at).days)
    if days >= RED_DAYS:
        return Standing.WARNING, f"{age.what} is {days} days old, over {RED_DAYS}"
    if days >= AMBER_DAYS:
        return Standing.WARNING, f"{age.what} is {days} days old: its rotation is due within {RED_DAYS - days} days"
    return Standing.OK, f"{age.what} is {days} days old"


def _unknown(ref: BackendRef, what: str, todo: str = "") -> Finding:
    return Finding(str(ref), Standing.UNKNOWN, what, todo)


CONCERN = Concern(name="everyday", order=45, look=everyday)
