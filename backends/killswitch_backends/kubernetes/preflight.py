"""What a halt would mean: its action, and who may bring the workload back. Nothing is changed.

``lockout`` is never set: a Deployment carries no identity that this console acts as; what a workload's role is worth
protecting for is the credential layer's question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.changes import is_off, prior_of
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.listing import Query, everything
from killswitch_backends.kubernetes.mirror.mirror import Mirror
from killswitch_backends.kubernetes.reading import Reader
from killswitch_backends.kubernetes.records import Workload, mapping, number, text
from killswitch_backends.kubernetes.resources import AUTOSCALERS, ObjectKey
from killswitch_backends.problems import Gone, Problem, Unsupported
from killswitch_backends.protocol import Preflight
from killswitch_inventory.targets import TargetId

_KEDA = "scaledobject.keda.sh/name"
_FEW_NAMESPACES = 8


@dataclass(frozen=True, slots=True)
class Autoscalers:
    """What the HPAs say of the workloads they scale; ``unread`` says why that is not known of all."""

    risks: Mapping[ObjectKey, tuple[str, ...]]
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Examiner:
    """Finds out what halts would do."""

    api: Api
    reader: Reader
    mirror: Mirror

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
                self.reader.kind_of(key)
                keys[target] = key
            except Unsupported as problem:
                answers[target] = Preflight(target, "nothing", 0, unsupported=f"{problem.what} ({problem.todo})")
        workloads, autoscalers = await asyncio.gather(
            self._workloads(list(keys.values())), self._autoscalers(list(keys.values()))
        )
        for target, key in keys.items():
            answers[target] = self._answer(target, workloads[key], autoscalers)
        return [answers[target] for target in targets]

    async def _workloads(self, keys: Sequence[ObjectKey]) -> Mapping[ObjectKey, Workload | Problem]:
        """From the mirror where it is live, else read."""
        known = {key: found for key in keys if self.mirror.live and (found := self.mirror.workload(key))}
        missing = [key for key in keys if key not in known]
        return {**known, **(await self.reader.many(missing) if missing else {})}

    def _answer(self, target: TargetId, found: Workload | Problem, autoscalers: Autoscalers) -> Preflight:
        if isinstance(found, Gone):
            return Preflight(target, "nothing: it does not exist any more", 0)
        if isinstance(found, Problem):
            raise found
        risks = [*found.revivers, *autoscalers.risks.get(found.key, ())]
        if autoscalers.unread:
            risks.append(f"autoscalers are unknown: {autoscalers.unread}")
        return Preflight(target, _action(self.reader.kind_of(found.key), found), 1, risks=tuple(risks))

    async def _autoscalers(self, keys: Sequence[ObjectKey]) -> Autoscalers:
        namespaces = sorted({key.namespace for key in keys})
        everywhere = len(namespaces) > _FEW_NAMESPACES and not self.reader.settings.namespaces
        queries = [Query(None)] if everywhere else [Query(namespace) for namespace in namespaces]
        risks: dict[ObjectKey, tuple[str, ...]] = {}
        try:
            for query in queries:
                for item in await everything(self.api, AUTOSCALERS, query, attempts=3):
                    key, risk = _risk_of(item)
                    risks[key] = (*risks.get(key, ()), risk)
        except Gone:
            return Autoscalers(risks)  # a cluster without this API has none
        except Problem as problem:
            return Autoscalers(risks, str(problem))
        return Autoscalers(risks)


def _action(kind: Kind, workload: Workload) -> str:
    if workload.mark is not None:
        return f"keep at zero (halted by {workload.mark.halt_id} already)"
    if is_off(kind, workload.switch):
        return "mark (it is at zero already)"
    return kind.action(prior_of(kind, workload))


def _risk_of(item: Mapping[str, object]) -> tuple[ObjectKey, str]:
    """What one HPA may do to a workload at zero: nothing, unless it scales from zero (KEDA, minReplicas 0)."""
    meta, spec = mapping(item.get("metadata")), mapping(item.get("spec"))
    scaled = mapping(spec.get("scaleTargetRef"))
    key = ObjectKey(text(meta.get("namespace")), text(scaled.get("kind")), text(scaled.get("name")))
    name = text(meta.get("name"))
    if keda := text(mapping(meta.get("labels")).get(_KEDA)):
        return key, f"KEDA ScaledObject {keda} scales it from zero when its trigger is active"
    if number(spec.get("minReplicas")) == 0:
        return key, f"HorizontalPodAutoscaler {name} may scale it from zero (minReplicas 0)"
    return key, f"HorizontalPodAutoscaler {name} scales it; it rests while replicas are 0"
