"""Prior states: what a restore needs, read in bulk, from the mirror where that is live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from killswitch_backends.kubernetes.changes import is_off, prior_of, readable
from killswitch_backends.kubernetes.mirror.mirror import Mirror
from killswitch_backends.kubernetes.reading import Reader
from killswitch_backends.kubernetes.records import Workload
from killswitch_backends.kubernetes.resources import ObjectKey
from killswitch_backends.problems import Problem, Refused
from killswitch_backends.protocol import Captured, Failure
from killswitch_inventory.targets import TargetId


@dataclass(frozen=True, slots=True)
class Capturer:
    """Reads prior states."""

    reader: Reader
    mirror: Mirror
    now: Callable[[], datetime]

    async def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        """One item per target: those the mirror knows at once, the others after they were read."""
        asked: dict[ObjectKey, TargetId] = {}
        for target in targets:
            try:
                key = ObjectKey.of(target)
                self.reader.kind_of(key)
            except Problem as problem:
                yield Failure(target, problem)
                continue
            known = self.mirror.workload(key) if self.mirror.live and not fresh else None
            if known:
                yield self._captured(target, known)
            else:
                asked[key] = target
        for key, found in (await self.reader.many(asked)).items():
            yield Failure(asked[key], found) if isinstance(found, Problem) else self._captured(asked[key], found)

    def _captured(self, target: TargetId, workload: Workload) -> Captured | Failure:
        kind, pods = self.reader.kind_of(workload.key), self.mirror.pods.of(workload.key)
        alive = [pod for pod in pods if not pod.over]
        running = len(alive) if self.mirror.live else workload.ready
        off = is_off(kind, workload.switch)
        if workload.mark is None:
            prior = prior_of(kind, workload)
            if nodes := sorted({pod.node for pod in alive if pod.node}):
                prior["nodes"] = nodes
            return Captured(target, prior, self.now(), running, already_off=off)
        prior_then = workload.mark.prior
        if prior_then is None or not readable(kind, prior_then):
            what = f"carries the mark of halt {workload.mark.halt_id}, but the prior state in it cannot be read"
            return Failure(target, Refused(str(target), what, todo="compare with another bastion's record"))
        was_off = is_off(kind, prior_then)
        return Captured(target, prior_then, self.now(), running, workload.mark.halt_id, already_off=was_off)
