"""How far a platform's clock is from ours: bounds, tokens and evidence are only as good as the two clocks agree."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from killswitch_backends.checking import Finding, Standing

FAR, TOO_FAR = 5.0, 60.0
"""Seconds. AWS refuses signatures at 5 minutes; a bound that is a minute off is no bound."""


def server_time(header: str | None) -> datetime | None:
    """The moment that a ``Date`` header tells (whole seconds); None where there is none."""
    try:
        told = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def skew(where: str, told: datetime | None, now: datetime) -> Finding:
    """What the difference between a server's time and ours means."""
    if told is None:
        return Finding(where, Standing.UNKNOWN, "it does not tell the time")
    apart = (now - told).total_seconds()
    off = max(0.0, abs(apart) - 1.0)  # the header has whole seconds, and the answer took its way
    what = f"the clocks are {off:.0f} s apart" if off >= FAR else "the clocks agree"
    standing = Standing.PROBLEM if off >= TOO_FAR else Standing.WARNING if off >= FAR else Standing.OK
    return Finding(where, standing, what, "set this machine's clock by NTP" if off >= FAR else "")
