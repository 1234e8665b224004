"""The backend: one ``[[launchdarkly]]`` table, opened."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from killswitch_backends.agent_reports.reader import Reader
from killswitch_backends.ages import Age
from killswitch_backends.checking import Finding
from killswitch_backends.launchdarkly.ages import ages
from killswitch_backends.launchdarkly.api import Api, together
from killswitch_backends.launchdarkly.checking import Check
from killswitch_backends.launchdarkly.flags import FlagState
from killswitch_backends.launchdarkly.halting import Switch
from killswitch_backends.launchdarkly.observer import Observer
from killswitch_backends.launchdarkly.observing import Proof
from killswitch_backends.launchdarkly.preflight import preflights
from killswitch_backends.launchdarkly.records import Records
from killswitch_backends.launchdarkly.settings import LaunchDarklySettings
from killswitch_backends.launchdarkly.sighting import Sighter
from killswitch_backends.launchdarkly.standing_in import stand_in
from killswitch_backends.launchdarkly.triggers import Triggers
from killswitch_backends.problems import Problem, Refused, Unreachable, Unsupported
from killswitch_backends.protocol import (
    Accepted,
    Budget,
    Captured,
    Failure,
    FieldChange,
    Identity,
    Observation,
    Order,
    Preflight,
    Restored,
    Surroundings,
    Watch,
)
from killswitch_backends.restores import RestoredElsewhere, RestorePreflight
from killswitch_inventory.sightings import HaltMark, Sighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId


@asynccontextmanager
async def opened(settings: LaunchDarklySettings, surroundings: Surroundings) -> AsyncIterator[LaunchDarklyBackend]:
    """The backend of a table; its connections and the SDK's thread are gone when the block ends."""
    backend = LaunchDarklyBackend(settings, surroundings)
    try:
        yield backend
    finally:
        await backend.close()


class LaunchDarklyBackend:
    """Implements ``Backend`` over the REST API, with the server SDK as the independent observer."""

    def __init__(self, settings: LaunchDarklySettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._ref = BackendRef("launchdarkly", settings.name)
        self._now = surroundings.now
        self._api = Api(settings, surroundings.secret, str(self._ref))
        self._observer = Observer(settings, surroundings.secret, surroundings.now)
        self._records = Records(self._api, self._ref)
        self._triggers = Triggers(settings, surroundings.secret, str(self._ref))
        self._switch = Switch(
            api=self._api,
            triggers=self._triggers,
            observer=self._observer,
            environment=settings.environment,
            now=surroundings.now,
        )
        self._secret = surroundings.secret
        self._proof = Proof(observer=self._observer, api=self._api, now=surroundings.now, reader=self._reader)
        self._sighter = Sighter(
            api=self._api,
            observer=self._observer,
            records=self._records,
            ref=self._ref,
            tag=settings.tag,
            labels=surroundings.labels,
            now=surroundings.now,
        )

    @property
    def ref(self) -> BackendRef:
        return self._ref

    @property
    def layer(self) -> Layer:
        return Layer.CAPABILITY

    @property
    def budget(self) -> Budget:
        """No figure: the platform publishes none, and tells what is left in each answer (see ``RateLimiter``)."""
        return Budget(calls_per_second=None, parallel=32)

    async def close(self) -> None:
        """Close the HTTP session and the SDK client."""
        try:
            await self._observer.close()
        finally:
            await self._triggers.close()
            await self._api.close()

    @property
    def unanswered_since(self) -> float | None:
        """See ``protocol.TellsAnswers``."""
        return self._api.hearing.asked_at

    async def identity(self) -> Identity:
        """The access token's own name, as LaunchDarkly says it."""
        who = await self._api.identity()
        name = str(who.get("tokenName") or who.get("memberId") or who.get("tokenId") or "unknown")
        return Identity(name, f"{who.get('accountId', '')}/{self._settings.project}/{self._settings.environment}")

    async def ages(self) -> Sequence[Age]:
        """See ``ages.TellsAges``."""
        return await ages(self._api)

    def sight(self) -> AsyncIterator[Sighting]:
        return self._sighter.stream()

    async def preflight(self, targets: Sequence[TargetId]) -> Sequence[Preflight]:
        return await preflights(
            targets, api=self._api, observer=self._observer, records=self._records, triggers=self._triggers
        )

    async def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        keys = [target.path for target in targets]
        states: dict[str, FlagState | Problem]
        try:
            states = await self._records.look_up(keys, fresh=fresh)
        except Problem as problem:
            states = dict.fromkeys(keys, problem)
        for target in targets:
            yield self._captured(target, self._or_stand_in(target.path, states[target.path]))

    def _or_stand_in(self, key: str, state: FlagState | Problem) -> FlagState | Problem:
        """Where the REST API tells nothing of a flag that a trigger can turn off: what the stream tells of it."""
        if not isinstance(state, Unreachable | Refused) or self._triggers.reference(key) is None:
            return state
        if not self._observer.status().valid:
            return state
        return stand_in(key, self._records.known(key), self._observer.served(key)) or state

    def _captured(self, target: TargetId, state: FlagState | Problem) -> Captured | Failure:
        if isinstance(state, Problem):
            return Failure(target, state)
        if state.archived:
            todo = "stop its agents at another layer"
            return Failure(target, Unsupported(str(target), "archived: it is served to nobody", todo=todo))
        prior = state.prior()
        marked_by = state.mark.halt.halt_id if state.mark else None
        return Captured(target, prior, self._now(), marked_by=marked_by, already_off=not prior["on"])

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        return await self._switch.halt(captured, order)

    def _reader(self) -> Reader | None:
        """What follows the board on which agents report, if one is configured."""
        uri, reference = self._settings.reports_uri, self._settings.reports_token
        if uri is None or reference is None:
            return None
        return Reader(uri, partial(self._secret, reference))

    async def check(self) -> Sequence[Finding]:
        """See ``checking.Checkable``."""
        check = Check(
            ref=self._ref,
            environment=self._settings.environment,
            api=self._api,
            observer=self._observer,
            triggers=self._triggers,
            reader=self._reader(),
            now=self._now,
        )
        return await check.run()

    def observe(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        return self._proof.observe(watches)

    async def compare(self, watch: Watch, order: Order) -> Sequence[FieldChange]:
        """See ``protocol.Comparing``."""
        return await self._switch.compare(watch, order)

    async def foresee(self, watches: Sequence[Watch], order: Order) -> Sequence[RestorePreflight]:
        """See ``restores.ForeseesRestores``."""
        return await together(self._switch.foresee(watch, order) for watch in watches)

    announces = False
    """Whoever turns a flag on again says so in the audit log: there a hold finds a restore, at once."""

    def notice_seconds(self, targets: int) -> float:
        """See ``restores.SharesRestores``."""
        del targets
        return 0.0

    async def announce(self, watch: Watch, order: Order) -> None:
        """See ``restores.SharesRestores``: there is no need."""

    async def withdraw(self, watch: Watch, order: Order) -> None:
        """See ``restores.SharesRestores``: there is nothing to take back."""

    async def elsewhere(self, watch: Watch, order: Order, announced: HaltMark | None) -> RestoredElsewhere | None:
        """See ``restores.SharesRestores``."""
        del announced
        return await self._switch.elsewhere(watch, order)

    async def restore(self, watch: Watch, order: Order) -> Restored:
        return await self._switch.restore(watch, order)
