"""What one account and region's functions look like from afar: the sight stream, and the record it leaves.

The stream lists cheaply first (functions, tags, event sources in bulk), so that a tree appears in seconds, then reads
function by function in the background for reservations and marks. The record serves plans; a halt still verifies.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.calls import Aws
from killswitch_backends.aws_common.helpers import helpers
from killswitch_backends.aws_common.outcomes import outcome
from killswitch_backends.aws_lambda.api import LambdaApi
from killswitch_backends.aws_lambda.functions import LATEST, EventSource, Function, State
from killswitch_backends.aws_lambda.reading import (
    Regionwide,
    by_function,
    by_name,
    executions_or_none,
    finish,
    keeps_events,
)
from killswitch_backends.aws_lambda.sighting import sighted
from killswitch_backends.aws_lambda.signals import tags_in_bulk
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import LabelKeys
from killswitch_inventory.sightings import ListingComplete, ListingStarted, Sighting, TargetSighting
from killswitch_inventory.targets import BackendRef

FRESH_FOR = timedelta(minutes=2)
"""How old a recorded state may be to plan with; a halt reads what it replaces once more, whatever its age."""


DESTINATIONS_A_LISTING = 150
"""Ten seconds of the scarce budget: the next listing is not kept waiting longer."""


@dataclass(slots=True, kw_only=True)
class _Listing:
    """One whole listing, by function name."""

    versions: Mapping[str, Sequence[Function]] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, str]] | None = None
    """By ARN; None where the tagging API refuses."""
    event_sources: Mapping[str, tuple[EventSource, ...]] = field(default_factory=dict)
    regionwide: Regionwide
    unreadable: tuple[str, ...] = ()
    executions: Mapping[str, int] | None = None


class Record:
    """The account's functions as last seen."""

    def __init__(
        self, api: LambdaApi, aws: Aws, ref: BackendRef, labels: LabelKeys, now: Callable[[], datetime]
    ) -> None:
        self._api, self._aws, self._ref, self._labels, self._now = api, aws, ref, labels, now
        self._states: dict[str, State] = {}
        self.whole = asyncio.Event()
        """Set once every function of a listing was read, and whoever listens was told."""

    def recall(self, name: str) -> State | None:
        """A function's state read in the last minutes, if there is one."""
        state = self._states.get(name)
        return state if state is not None and self._now() - state.read_at <= FRESH_FOR else None

    def forget(self, name: str) -> None:
        """A halt or a restore changed it: what was read before is history."""
        self._states.pop(name, None)

    async def listing(self) -> AsyncIterator[Sighting]:
        """One whole listing, then what reading each function adds to it.

        Raises:
            Problem: when functions cannot be listed, or it cannot be told of all of them whose they are.
        """
        yield ListingStarted(self._ref, self._now())
        listing = await self._list()
        if listing.tags is None:  # then only GetFunction tells whose a function is
            async for _ in self._swept(listing):
                pass
        untold = set(listing.versions) - self._states.keys() if listing.tags is None else set()
        shown = {name: self._sighting(name, listing) for name in listing.versions if name not in untold}
        for sighting in shown.values():
            yield sighting
        if untold:  # an agent's function without its tags would look like nobody's, and a halt would leave it out
            raise _nobodys(self._aws.where, sorted(untold))
        yield ListingComplete(self._ref, self._now())
        async for name in self._swept(listing):
            sighting = self._sighting(name, listing)
            if replace(sighting, seen_at=shown[name].seen_at) != shown[name]:
                yield sighting
        self.whole.set()
        await self._learn_destinations()

    async def _learn_destinations(self) -> None:
        """What becomes of asynchronous events: a scarce call for each function, once, so a few after each listing."""
        unasked = [name for name, state in self._states.items() if state.keeps_events is None]
        for name in unasked[:DESTINATIONS_A_LISTING]:
            if (state := self._states.get(name)) is None:
                continue
            keeps = await keeps_events(self._api, state.function, Urgency.SIGHT)
            if keeps is None:
                return  # not told: asking for the others would be as idle
            if (state := self._states.get(name)) is not None:
                self._states[name] = replace(state, keeps_events=keeps)

    async def _list(self) -> _Listing:
        """Functions with all versions, tags and event sources, side by side; then running executions."""
        await outcome(self._aws.identity())  # finds the account's shared budget; whoever needs the name sees it fail
        async with asyncio.TaskGroup() as tasks:
            functions = tasks.create_task(outcome(self._versions()))
            tags = tasks.create_task(outcome(tags_in_bulk(self._aws)))
            sources = tasks.create_task(outcome(self._api.event_sources(Urgency.SIGHT)))
        versions, tagged, fed = functions.result(), tags.result(), sources.result()
        if isinstance(versions, Problem):
            raise versions
        for gone in self._states.keys() - versions.keys():
            self.forget(gone)
        return _Listing(
            versions=versions,
            tags=None if isinstance(tagged, Problem) else tagged,
            event_sources={} if isinstance(fed, Problem) else by_function(fed),
            unreadable=(f"event sources: {fed.what}",) if isinstance(fed, Problem) else (),
            regionwide=Regionwide(self._api, Urgency.SIGHT),
            executions=await executions_or_none(self._aws, list(versions), self._now(), Urgency.SIGHT),
        )

    async def _versions(self) -> dict[str, list[Function]]:
        return by_name([one async for page in self._api.functions(Urgency.SIGHT) for one in page])

    async def _swept(self, listing: _Listing) -> AsyncIterator[str]:
        """Read every function in the background; yield the names as they are read."""
        async with helpers() as tasks:
            reads = [tasks.start(self._sweep(name, listing), name=f"sweep {name}") for name in listing.versions]
            for read in asyncio.as_completed(reads):
                yield await read

    async def _sweep(self, name: str, listing: _Listing) -> str:
        at = self._now()
        reading = await outcome(self._api.read(name, Urgency.SIGHT))
        if isinstance(reading, Problem):  # the state known so far stays, and ages
            return name
        sources = listing.event_sources.get(name, ())
        known = self._states.get(name)
        versions = listing.versions[name]
        finished = finish(self._api, reading, versions, sources, listing.regionwide, at=at, urgency=Urgency.SIGHT)
        state = await outcome(finished)
        if not isinstance(state, Problem):
            executions = None if listing.executions is None else listing.executions.get(name, 0)
            unreadable = (*listing.unreadable, *state.unreadable)
            keeps = known.keeps_events if known is not None else None
            self._states[name] = replace(state, executions=executions, unreadable=unreadable, keeps_events=keeps)
        return name

    def _sighting(self, name: str, listing: _Listing) -> TargetSighting:
        versions = listing.versions[name]
        latest = next((one for one in versions if one.version == LATEST), versions[0])
        state = self._states.get(name)
        tags = state.tags if state else (listing.tags or {}).get(latest.arn, {})
        return sighted(
            self._ref, latest, state, tags=tags, labels=self._labels,
            event_sources=listing.event_sources.get(name, ()),
            executions=None if listing.executions is None else listing.executions.get(name, 0), at=self._now(),
        )  # fmt: skip


def _nobodys(where: str, names: Sequence[str]) -> Problem:
    """What is said of functions whose tags neither the tagging API nor Lambda itself tells."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    what = f"neither the tagging API nor Lambda tells the tags of {names[0]}{more}: whose they are is not known"
    return Problem(where, what, todo="rights that are missing: tag:GetResources, or lambda:GetFunction")
