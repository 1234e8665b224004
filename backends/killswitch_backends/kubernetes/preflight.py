"""What a halt would mean: its action, and who may bring the workload back. Nothing is changed.

``lockout`` is never set: a Deployment carries no identity that this console acts as; what a workload's role is worth
protecting for is the credential layer's question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.changes import is_off, prior_of
from killswitch_backends.kubernetes.companions.finding import Finder, Neighbours
from killswitch_backends.kubernetes.discovery import Catalogue
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.mirror.mirror import Mirror
from killswitch_backends.kubernetes.reading import Reader
from killswitch_backends.kubernetes.records import Workload
from killswitch_backends.kubernetes.resources import POD, ObjectKey
from killswitch_backends.kubernetes.single import Single
from killswitch_backends.problems import Gone, Problem, Unsupported
from killswitch_backends.protocol import Preflight
from killswitch_inventory.targets import TargetId

_HELD_DELETION: Final = (
    "it is being deleted and something holds it (metadata.finalizers): its controller may not act on the halt; end "
    "what holds it, or delete its ReplicaSet (or pods it owns itself); once gone it cannot be put back"
)


@dataclass(frozen=True, slots=True)
class Examiner:
    """Finds out what halts would do."""

    api: Api
    reader: Reader
    mirror: Mirror
    catalogue: Catalogue
    finder: Finder
    now: Callable[[], datetime]

    async def preflight(self, targets: Sequence[TargetId]) -> Sequence[Preflight]:
        """One answer per target, in their order.

        Raises:
            Problem: where a target can be neither known nor said to be gone (no answer, no right).
        """
        keys: dict[TargetId, ObjectKey] = {}
        answers: dict[TargetId, Preflight] = {}
        for target in targets:
            try:
                key = ObjectKey.of(target)
                await self.catalogue.know([key.kind])
                self.reader.kind_of(key)
                if key.kind == POD:
                    answers[target] = await Single(self.api, self.reader, self.now).preflight(target)
                else:
                    keys[target] = key
            except Unsupported as problem:
                answers[target] = Preflight(target, "nothing", 0, unsupported=_reason(problem))
        workloads = await self._workloads(list(keys.values()))
        known = [workload for workload in workloads.values() if isinstance(workload, Workload)]
        around = await self.finder.around(known, fresh=False)
        for target, key in keys.items():
            answers[target] = self._answer(target, workloads[key], around.get(key, Neighbours()))
        return [answers[target] for target in targets]

    async def _workloads(self, keys: Sequence[ObjectKey]) -> Mapping[ObjectKey, Workload | Problem]:
        """From the mirror where it is live, else read."""
        known = {key: found for key in keys if self.mirror.live and (found := self.mirror.workload(key))}
        missing = [key for key in keys if key not in known]
        return {**known, **(await self.reader.many(missing) if missing else {})}

    def _answer(self, target: TargetId, found: Workload | Problem, around: Neighbours) -> Preflight:
        if isinstance(found, Gone):
            return Preflight(target, "nothing: it does not exist any more", 0)
        if isinstance(found, Problem):
            raise found
        if self.mirror.live and found.ready and not self.mirror.pods_of(found.key):
            self.mirror.watch_unlabelled(found.key.namespace)
        action = _action(self.reader.kind_of(found.key), found)
        held = [str(companion) for companion in around.companions if companion.kind != "Job"]
        if held:
            action += f"; hold {', '.join(held)}"
        calls = 1 + 2 * len(around.companions)  # each is read, then patched
        deletion = [_HELD_DELETION] if found.deleting else []
        return Preflight(target, action, calls, risks=tuple(dict.fromkeys([*deletion, *around.risks])))


def _reason(problem: Unsupported) -> str:
    return f"{problem.what} ({problem.todo})" if problem.todo else problem.what


def _action(kind: Kind, workload: Workload) -> str:
    if workload.mark is not None:
        return f"keep at zero (halted by {workload.mark.halt_id} already)"
    if is_off(kind, workload.switch):
        return "mark (it is at zero already)"
    return kind.action(prior_of(kind, workload))
