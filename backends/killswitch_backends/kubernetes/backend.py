"""One open ``[[kubernetes]]`` table: the protocol's operations, each in its own module, over one API and one mirror."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import ClassVar

from killswitch_backends.ages import Age
from killswitch_backends.checking import Finding
from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.background import Background
from killswitch_backends.kubernetes.capturing import Capturer
from killswitch_backends.kubernetes.companions.finding import Finder
from killswitch_backends.kubernetes.discovery import Catalogue
from killswitch_backends.kubernetes.foreseeing import Foreseer
from killswitch_backends.kubernetes.halting import Switch
from killswitch_backends.kubernetes.identity import whoami
from killswitch_backends.kubernetes.mirror.mirror import Mirror
from killswitch_backends.kubernetes.observing import Observer
from killswitch_backends.kubernetes.preflight import Examiner
from killswitch_backends.kubernetes.proving import Prover
from killswitch_backends.kubernetes.reading import Reader
from killswitch_backends.kubernetes.resources import ObjectKey
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_backends.kubernetes.sharing import NOTICE_SECONDS, Sharing
from killswitch_backends.kubernetes.sighting import Sighter
from killswitch_backends.problems import Unsupported
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
from killswitch_backends.recalling import Recalled, RecordedCall
from killswitch_backends.restores import RestoredElsewhere, RestorePreflight
from killswitch_inventory.sightings import HaltMark, Sighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId


class KubernetesBackend:
    """See ``protocol.Backend``. ``tasks`` runs its watches until the table is closed."""

    layer: ClassVar[Layer] = Layer.PROCESS
    budget: ClassVar[Budget] = Budget(calls_per_second=None, parallel=32)
    shows_instances: ClassVar[bool] = True
    announces: ClassVar[bool] = True

    def __init__(
        self, ref: BackendRef, settings: KubernetesSettings, surroundings: Surroundings, api: Api, tasks: Background
    ) -> None:
        self.ref = ref
        self._api, self._tasks, self._now = api, tasks, surroundings.now
        self._catalogue = Catalogue(api)
        self._mirror = Mirror(api, settings, self._catalogue, surroundings.labels, tasks, self._now)
        self._reader = Reader(api, settings, self._catalogue.kinds, surroundings.labels, self._mirror.workload)
        self._finder = Finder(api, self._catalogue, settings, tasks)

    @property
    def unanswered_since(self) -> float | None:
        """See ``protocol.TellsAnswers``."""
        return self._api.hearing.asked_at

    async def identity(self) -> Identity:
        return await whoami(self._api)

    async def check(self) -> Sequence[Finding]:
        """See ``checking.Checkable``."""
        from killswitch_backends.kubernetes.checking import Check

        return await Check(self._api, self._reader.settings, self._now).run()

    async def ages(self) -> Sequence[Age]:
        """See ``ages.TellsAges``."""
        from killswitch_backends.kubernetes.ages import ages

        used = await self._api.credentials()
        return await ages(used.certificate[0], used.token, renewed_by=used.renewed_by)

    def sight(self) -> AsyncIterator[Sighting]:
        return Sighter(self.ref, self._mirror, self._reader.kinds, self._now, self._reader.settings.eks_cluster).sight()

    async def preflight(self, targets: Sequence[TargetId]) -> Sequence[Preflight]:
        examiner = Examiner(self._api, self._reader, self._mirror, self._catalogue, self._finder, self._now)
        return await examiner.preflight(targets)

    def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        return Capturer(self._reader, self._mirror, self._catalogue, self._finder, self._now).capture(
            targets, fresh=fresh
        )

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        await self._know(captured.target)
        return await Switch(self._api, self._reader, self._finder, self._now).halt(captured, order)

    def observe(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        prover = Prover(self._api, self._reader, self._now)
        return Observer(prover, self._mirror, self._now).observe(watches, self._tasks)

    async def _know(self, target: TargetId) -> None:
        """Have the target's kind known: a halt may be taken up again before the cluster said what it serves."""
        await self._catalogue.know([ObjectKey.of(target).kind])

    async def compare(self, watch: Watch, order: Order) -> Sequence[FieldChange]:
        """See ``protocol.Comparing``."""
        await self._know(watch.target)
        return await Switch(self._api, self._reader, self._finder, self._now).compare(watch, order)

    async def recall(self, calls: Sequence[RecordedCall]) -> Sequence[Recalled]:
        """See ``recalling.Recalling``: from the cluster's audit log, where the table names one."""
        from killswitch_backends.kubernetes.recalling import recalled

        log = self._reader.settings.audit_log_path
        if log is None:
            raise Unsupported(str(self.ref), "no `audit_log` names the cluster's audit log")
        return await asyncio.to_thread(recalled, log, calls)

    async def foresee(self, watches: Sequence[Watch], order: Order) -> Sequence[RestorePreflight]:
        """See ``restores.ForeseesRestores``."""
        del order
        await self._catalogue.know(ObjectKey.of(watch.target).kind for watch in watches)
        return await Foreseer(self._api, self._reader).foresee(watches)

    def notice_seconds(self, targets: int) -> float:
        """See ``restores.SharesRestores``: however many there are, a watch pushes it."""
        del targets
        return NOTICE_SECONDS

    async def announce(self, watch: Watch, order: Order) -> None:
        """See ``restores.SharesRestores``."""
        await self._know(watch.target)
        await Sharing(self._api, self._reader, self._now).announce(watch, order)

    async def withdraw(self, watch: Watch, order: Order) -> None:
        """See ``restores.SharesRestores``."""
        await self._know(watch.target)
        await Sharing(self._api, self._reader, self._now).withdraw(watch, order)

    async def elsewhere(self, watch: Watch, order: Order, announced: HaltMark | None) -> RestoredElsewhere | None:
        """See ``restores.SharesRestores``."""
        del order
        await self._know(watch.target)
        return await Sharing(self._api, self._reader, self._now).elsewhere(watch, announced)

    async def restore(self, watch: Watch, order: Order) -> Restored:
        await self._know(watch.target)
        return await Switch(self._api, self._reader, self._finder, self._now).restore(watch, order)
