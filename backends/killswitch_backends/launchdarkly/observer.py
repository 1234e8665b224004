"""The independent observer: a separate SDK client, kept honest.

An SDK whose stream is half-open believes for five minutes that all is well (ldclient streaming.py: read timeout
300 s). So its data is renewed by a second connection from time to time while halts are observed, and at once when a
change does not arrive; if that fails, nothing it says counts as observed any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from killswitch_backends.launchdarkly.connection import Connection, Served, Status, connect
from killswitch_backends.launchdarkly.settings import LaunchDarklySettings
from killswitch_backends.problems import Problem

RENEW_WITHIN = 5.0
"""Seconds that a second connection has to become valid."""

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0
"""Seconds between two attempts to renew, doubling from the first to the longest while they fail."""


@dataclass(slots=True, eq=False)
class Subscription:
    """What changed since one reader last asked. Changes that come in a burst are read together."""

    _keys: set[str] = field(default_factory=set)
    _all: bool = True
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def changed(self, key: str | None) -> None:
        """A flag changed; None: any may have."""
        if key is None:
            self._all = True
        else:
            self._keys.add(key)
        self._wake.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for a change; False when none came in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    def take(self) -> set[str] | None:
        """The keys that changed, None when any may have; they are forgotten by it."""
        keys, every = self._keys, self._all
        self._keys, self._all = set(), False
        self._wake.clear()
        return None if every else keys


class Observer:
    """At most one current connection, started when first needed, replaced when it is renewed."""

    def __init__(
        self,
        settings: LaunchDarklySettings,
        secret: Callable[[str], Awaitable[str]],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._now = now
        self._connection: Connection | None = None
        self._valid_since: datetime | None = None
        self._doubt = ""
        self._changed_at: dict[str, datetime] = {}
        self._subscriptions: set[Subscription] = set()
        self._lock = asyncio.Lock()
        self._pause = _FIRST_PAUSE
        self._tried_at = -_LONGEST_PAUSE

    async def start(self) -> None:
        """Connect, unless that was done; a secret that cannot be had is a status, not a failure."""
        async with self._lock:
            if self._connection is None:
                await self._open_first()

    async def close(self) -> None:
        """Close the connection and wait for its thread."""
        async with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                await connection.close()

    def status(self) -> Status:
        """How far what is served can be believed."""
        if self._connection is None:
            return Status(False, self._doubt or "the observing SDK client is not started")
        valid, why = self._connection.state()
        if valid and not self._doubt:
            return Status(True, since=self._valid_since)
        return Status(False, f"the observing SDK client is not up to date: {why or self._doubt}")

    def served(self, key: str) -> Served | None:
        """What a separate client is served for a flag now, whatever its status."""
        return None if self._connection is None else self._connection.served(key)

    def changed_at(self, key: str) -> datetime | None:
        """When a change of this flag was last received (UTC)."""
        return self._changed_at.get(key)

    def dependants(self) -> Mapping[str, list[str]]:
        """Which flags have which as a prerequisite, as far as the client has data."""
        return {} if self._connection is None else self._connection.dependants()

    @contextmanager
    def subscription(self) -> Iterator[Subscription]:
        """Be told of changes; begins with "any may have changed"."""
        subscription = Subscription()
        subscription.changed(None)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    async def valid_within(self, seconds: float) -> bool:
        """Wait until the client has all data; False when it has not in time."""
        with self.subscription() as subscription:
            try:
                async with asyncio.timeout(seconds):
                    while not self.status().valid:
                        subscription.take()
                        await subscription.wait(seconds)
            except TimeoutError:
                return False
        return True

    async def version_when_off(self, key: str, *, within: float) -> int | None:
        """The version at which a flag is served off, waiting for it so many seconds; None if that is not seen."""
        if not self.status().valid:
            return None
        with self.subscription() as subscription:
            try:
                async with asyncio.timeout(within):
                    while True:
                        served = self.served(key)
                        if self.status().valid and served is not None and not served.on:
                            return served.version
                        subscription.take()
                        await subscription.wait(within)
            except TimeoutError:
                return None

    async def renew(self) -> None:
        """Replace the client by one that has just received all data; does nothing when tried too recently."""
        loop = asyncio.get_running_loop()
        if self._lock.locked() or loop.time() < self._tried_at + self._pause:
            return
        async with self._lock:
            self._tried_at = loop.time()
            old = self._connection
            fresh = await self._fresh()
            self._pause = _FIRST_PAUSE if fresh else min(self._pause * 2, _LONGEST_PAUSE)
            if fresh is not None:
                self._connection = fresh
                self._valid_since, self._doubt = self._now(), ""
                if old is not None:
                    await old.close()
            self._tell(None)

    async def _open_first(self) -> None:
        try:
            key = await self._secret(self._settings.sdk_key)
        except Problem as problem:
            self._doubt = str(problem)
            return
        self._doubt = ""
        self._connection = await connect(self._settings, key, on_change=self._changed, on_status=self._status_changed)
        self._status_changed()

    async def _fresh(self) -> Connection | None:
        """A second client with all its data, or None (then why not is the doubt)."""
        try:
            key = await self._secret(self._settings.sdk_key)
        except Problem as problem:
            self._doubt = str(problem)
            return None
        word = asyncio.Event()

        def status_changed() -> None:
            word.set()
            self._status_changed()

        connection = await connect(self._settings, key, on_change=self._changed, on_status=status_changed)
        try:
            async with asyncio.timeout(RENEW_WITHIN):
                while not connection.state()[0]:
                    await word.wait()
                    word.clear()
        except TimeoutError:
            self._doubt = f"its data could not be renewed: {connection.state()[1]}"
            await connection.close()
            return None
        except asyncio.CancelledError:
            await connection.close()
            raise
        return connection

    def _changed(self, key: str) -> None:
        self._changed_at[key] = self._now()
        self._tell(key)

    def _status_changed(self) -> None:
        """Word from the current client's stream; also any may have changed, as after a gap."""
        valid = self._connection is not None and self._connection.state()[0]
        if not valid:
            self._valid_since = None
        elif self._valid_since is None:
            self._valid_since, self._doubt = self._now(), ""
        self._tell(None)

    def _tell(self, key: str | None) -> None:
        for subscription in self._subscriptions:
            subscription.changed(key)
