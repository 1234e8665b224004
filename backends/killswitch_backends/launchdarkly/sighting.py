"""Sighting: a whole listing over REST, then changes as the SDK's stream pushes them, and a new listing now and then.

The stream says at once whether a flag is on; tags, marks and archiving are the REST API's to tell, so what changed is
read again there, a burst together.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from killswitch_backends.launchdarkly.api import Api
from killswitch_backends.launchdarkly.flags import FlagState, claims
from killswitch_backends.launchdarkly.observer import Observer, Subscription
from killswitch_backends.launchdarkly.records import ONE_BY_ONE, Records
from killswitch_backends.problems import Problem, Unauthenticated
from killswitch_backends.protocol import LabelKeys
from killswitch_inventory.agents import Health
from killswitch_inventory.sightings import (
    ListingComplete,
    ListingStarted,
    Sighting,
    SightingFailed,
    TargetGone,
    TargetSighting,
)
from killswitch_inventory.targets import BackendRef, Layer

RELIST, RELIST_BLIND = 60.0, 10.0
"""Seconds between two listings: while the stream pushes changes, and while it does not."""

_GATHER = 0.1
"""Seconds to gather a burst of changes before they are read again."""

_BURST = 5.0
"""Seconds between two listings at least, while many flags change."""

_SETTLED = 1.0
"""Seconds after a listing within which the stream's own first data is no gap; what is newer in it is read."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


class Sighter:
    """Turns flags into sightings."""

    def __init__(
        self,
        *,
        api: Api,
        observer: Observer,
        records: Records,
        ref: BackendRef,
        tag: str,
        labels: LabelKeys,
        now: Callable[[], datetime],
    ) -> None:
        self._api, self._observer, self._records = api, observer, records
        self._ref, self._tag, self._labels, self._now = ref, tag, labels, now

    async def stream(self) -> AsyncGenerator[Sighting, None]:
        """See ``Backend.sight``."""
        pause = _FIRST_PAUSE
        try:
            while True:
                try:
                    async with aclosing(self._list_and_follow()) as sightings:
                        async for sighting in sightings:
                            yield sighting
                            if isinstance(sighting, ListingComplete):
                                pause = _FIRST_PAUSE
                except Problem as problem:
                    self._records.live = False
                    yield SightingFailed(self._ref, self._now(), str(problem))
                    longest = _LONGEST_PAUSE if isinstance(problem, Unauthenticated) else pause
                    await asyncio.sleep(longest * random.uniform(0.75, 1))  # noqa: S311 - spreads load
                    pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            self._records.live = False

    async def _list_and_follow(self) -> AsyncGenerator[Sighting, None]:
        """One listing, and what changes until it is time for the next."""
        await self._observer.start()
        with self._observer.subscription() as changes:
            changes.take()
            yield ListingStarted(self._ref, self._now())
            flags = []
            async with aclosing(self._api.flags()) as listed:
                async for flag in listed:
                    flags.append(flag)
                    yield self.sighting(flag)
            self._records.replace_all(flags)
            self._records.live = True
            yield ListingComplete(self._ref, self._now())
            async with aclosing(self._follow(changes)) as followed:
                async for change in followed:
                    yield change

    async def _follow(self, changes: Subscription) -> AsyncGenerator[Sighting, None]:
        """Changes, until a listing is due, or can alone tell what a gap or a burst of changes left."""
        loop = asyncio.get_running_loop()
        listed = loop.time()
        unread: set[str] = set()
        while (left := listed + self._interval() - loop.time()) > 0:
            await changes.wait(min(left, _BURST))
            keys = changes.take()
            if keys is None:
                valid = self._observer.status().valid
                if valid and loop.time() - listed > _SETTLED:
                    return
                keys = self._records.behind(self._version) if valid else set()
            for quick in filter(None, map(self._at_once, keys)):
                yield quick
            unread |= keys
            if len(unread) > ONE_BY_ONE:
                if loop.time() >= listed + _BURST:
                    return
                continue  # a halt is under way: its calls come first, and the stream has told on and off already
            for seen in await self._read_again(unread, changes):
                yield seen
            unread = set()

    async def _read_again(self, keys: set[str], changes: Subscription) -> list[Sighting]:
        """What changed of a few flags; changes that come with them are read together."""
        if not keys:
            return []
        await asyncio.sleep(_GATHER)
        if (more := changes.take()) is None:
            changes.changed(None)  # for whoever follows to look into
        keys = keys | (more or set())
        states = await self._records.look_up(sorted(keys), fresh=True)
        return [seen for key, state in states.items() if (seen := self._again(key, state))]

    def _version(self, key: str) -> int | None:
        served = self._observer.served(key)
        return served.version if served else None

    def _interval(self) -> float:
        return RELIST if self._observer.status().valid else RELIST_BLIND

    def _at_once(self, key: str) -> TargetSighting | None:
        """What the stream alone tells of a known flag: that it went on or off."""
        known, served = self._records.known(key), self._observer.served(key)
        if known is None or served is None or known.on == served.on:
            return None
        changed = replace(known, on=served.on)
        self._records.replace(changed)
        return self.sighting(changed)

    def _again(self, key: str, state: FlagState | Problem) -> Sighting | None:
        """A flag that was read again: seen, gone, or none of ours."""
        if isinstance(state, FlagState) and self._tag in state.tags and not state.archived:
            self._records.replace(state)
            return self.sighting(state)
        return TargetGone(self._records.target(key), self._now()) if self._records.forget(key) else None

    def sighting(self, flag: FlagState) -> TargetSighting:
        """A flag as the fleet takes it."""
        facts = {"flag": "on" if flag.on else "off", "version": str(flag.version)}
        if flag.off_variation is not None:
            facts["off serves"] = str(flag.variations[flag.off_variation])[:40]
        return TargetSighting(
            target=self._records.target(flag.key),
            layer=Layer.CAPABILITY,
            kind="flag",
            seen_at=self._now(),
            claims=claims(flag.tags, self._labels),
            needs=tuple(self._records.target(key) for key in flag.prerequisites),
            health=Health.OK if flag.on else Health.IDLE,
            mark=flag.mark.halt if flag.mark else None,
            off=not flag.on,
            canary=self._labels.canary in flag.tags,
            facts=MappingProxyType(facts),
        )
