"""Prior states: what a restore needs, read in bulk, from the mirror where that is live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from killswitch_backends.kubernetes.changes import is_off, prior_of, prior_told
from killswitch_backends.kubernetes.companions.finding import Finder, Neighbours
from killswitch_backends.kubernetes.discovery import Catalogue
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.mirror.mirror import Mirror
from killswitch_backends.kubernetes.reading import Reader
from killswitch_backends.kubernetes.records import Workload
from killswitch_backends.kubernetes.resources import POD, ObjectKey
from killswitch_backends.kubernetes.single import Single
from killswitch_backends.problems import Problem, Refused
from killswitch_backends.protocol import Captured, Failure, Json
from killswitch_inventory.targets import TargetId


@dataclass(frozen=True, slots=True)
class Capturer:
    """Reads prior states."""

    reader: Reader
    mirror: Mirror
    catalogue: Catalogue
    finder: Finder
    now: Callable[[], datetime]

    async def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        """One item per target: those the mirror knows at once, the others after they were read."""
        asked: dict[ObjectKey, TargetId] = {}
        workloads: dict[ObjectKey, Workload] = {}
        for target in targets:
            try:
                key = ObjectKey.of(target)
                await self.catalogue.know([key.kind])
                self.reader.kind_of(key)
                if key.kind == POD:
                    yield await Single(self.reader.api, self.reader, self.now).capture(target)
                    continue
            except Problem as problem:
                yield Failure(target, problem)
                continue
            asked[key] = target
            if self.mirror.live and not fresh and (known := self.mirror.workload(key)):
                workloads[key] = known
        read = await self.reader.many([key for key in asked if key not in workloads])
        for key, found in read.items():
            if isinstance(found, Problem):
                yield Failure(asked[key], found)
            else:
                workloads[key] = found
        around = await self.finder.around(list(workloads.values()), fresh=fresh)
        for key, workload in workloads.items():
            captured = self._captured(asked[key], workload)
            yield captured if isinstance(captured, Failure) else _with_companions(captured, around[key])

    def _captured(self, target: TargetId, workload: Workload) -> Captured | Failure:
        kind, pods = self.reader.kind_of(workload.key), self.mirror.pods_of(workload.key)
        alive = [pod for pod in pods if not pod.over]
        if self.mirror.live and not alive and workload.ready:
            self.mirror.watch_unlabelled(workload.key.namespace)
        running = len(alive) or workload.ready if self.mirror.live else workload.ready
        off = is_off(kind, workload.switch)
        prior_then = prior_told(kind, workload.mark.prior) if workload.mark else None
        if workload.mark is None or (prior_then is None and not off):
            # a mark that tells nothing does not keep what runs from being halted: anybody could make himself immune
            prior = prior_of(kind, workload)
            if nodes := sorted({pod.node for pod in alive if pod.node}):
                prior["nodes"] = nodes
            prior |= _selector_of(kind, workload)
            return Captured(target, prior, self.now(), running, already_off=off)
        if prior_then is None:
            what = f"carries the mark of halt {workload.mark.halt_id}, but the prior state in it cannot be read"
            return Failure(target, Refused(str(target), what, todo="compare with another bastion's record"))
        was_off = is_off(kind, prior_then)
        prior_then |= _selector_of(kind, workload)
        return Captured(target, prior_then, self.now(), running, workload.mark.halt_id, already_off=was_off)


def _selector_of(kind: Kind, workload: Workload) -> dict[str, Json]:
    """How to find the pods of a workload that is deleted meanwhile, where its name alone does not tell them."""
    return {"selector": str(workload.selector)} if kind.loose and workload.selector else {}


def _with_companions(captured: Captured, around: Neighbours) -> Captured:
    """The capture with what is to be held beside the target, each with its own prior state."""
    if not around.companions:
        return captured
    companions = [companion.to_json() for companion in around.companions]
    return replace(captured, prior={**captured.prior, "companions": companions})
