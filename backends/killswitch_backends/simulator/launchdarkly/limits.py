"""Rate limits as LaunchDarkly tells them: one global window and one per route, ten seconds each, shared by all tokens.

The vendor publishes no figures; these are the simulator's, and can be set on the face.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from killswitch_backends.simulator.launchdarkly.failures import RateLimited

WINDOW = 10.0
"""Seconds of a window; windows begin at multiples of it, as ``X-Ratelimit-Reset`` of the real API shows."""

ROUTE_LIMITS = {"launchdarkly.patch": 1200, "launchdarkly.list": 400, "launchdarkly.auditlog": 300}
"""Requests a window for routes that have a limit of their own."""


@dataclass(slots=True)
class RateLimits:
    """Counts requests in the running window. Zero or less means "nothing left", as a test may wish."""

    global_limit: int = 6000
    routes: dict[str, int] = field(default_factory=lambda: dict(ROUTE_LIMITS))
    seconds: float = WINDOW
    """How long a window is; shorter ones than the real API's are for tests."""
    _window: int = 0
    _spent: dict[str, int] = field(default_factory=dict)

    def spend(self, route: str) -> dict[str, str]:
        """Count one request on a route; the headers that tell what is left.

        Raises:
            RateLimited: when the global or the route's window is used up; it carries the headers too.
        """
        window = int(time.time() // self.seconds)
        if window != self._window:
            self._window, self._spent = window, {}
        headers = {"X-Ratelimit-Reset": str(int((window + 1) * self.seconds * 1000))}
        exceeded = False
        for name, header in (("*", "X-Ratelimit-Global-Remaining"), (route, "X-Ratelimit-Route-Remaining")):
            limit = self.global_limit if name == "*" else self.routes.get(name)
            if limit is None:
                continue
            spent = self._spent.get(name, 0)
            exceeded = exceeded or spent >= limit
            headers[header] = str(max(0, limit - spent - 1))
        if exceeded:
            raise RateLimited("You've exceeded the API rate limit. Try again later.", headers=headers)
        for name in ("*", route):
            self._spent[name] = self._spent.get(name, 0) + 1
        return headers
