"""Autoscalers that wake what is at zero: the HorizontalPodAutoscaler of Kubernetes 1.37, and KEDA.

Load is what annotations say: ``simulator/wanted-replicas`` on an HPA, ``simulator/active`` on what is KEDA's.
"""

from __future__ import annotations

from uuid import UUID

from killswitch_backends.simulator.kubernetes import kinds as builtin
from killswitch_backends.simulator.kubernetes.controllers.looping import Looping
from killswitch_backends.simulator.kubernetes.controllers.pods import owner_reference
from killswitch_backends.simulator.kubernetes.defaults import with_defaults
from killswitch_backends.simulator.kubernetes.kinds import Kinds
from killswitch_backends.simulator.kubernetes.objects import Stored, timestamp
from killswitch_backends.simulator.kubernetes.storage import Store

WANTED = "simulator/wanted-replicas"
ACTIVE = "simulator/active"
PAUSED = "autoscaling.keda.sh/paused"
PAUSED_REPLICAS = "autoscaling.keda.sh/paused-replicas"
_EVERY = 1.0
"""Seconds; the real HPA controller looks every 15, KEDA every 30 unless told otherwise."""


class HorizontalAutoscaler(Looping):
    """Scales to what is wanted; a workload at zero only if its ``minReplicas`` is 0 (HPAScaleToZero)."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        super().__init__(store, kinds, "autoscaling", "HorizontalPodAutoscaler")

    def interval(self, stored: Stored) -> float:
        _ = stored
        return _EVERY

    def look(self, stored: Stored) -> None:
        scaled, spec = stored.spec["scaleTargetRef"], stored.spec
        workload = self.find(stored.namespace, scaled["kind"], scaled["name"])
        if workload is None or WANTED not in stored.annotations:
            return
        now, least = workload.spec.get("replicas", 1), spec.get("minReplicas", 1)
        if now == 0 and least > 0:
            return  # ScalingDisabled: somebody put it at zero by hand
        wanted = max(least, min(int(stored.annotations[WANTED]), spec["maxReplicas"]))
        rules = (spec.get("behavior") or {}).get("scaleUp") or {}
        if wanted > now and rules.get("selectPolicy") == "Disabled":
            return
        self.put(stored.namespace, scaled["kind"], scaled["name"], {"replicas": wanted})


class KedaLoop(Looping):
    """KEDA's scaling loop: wakes what is at zero while its trigger is active, unless it is paused."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        super().__init__(store, kinds, "keda.sh", "ScaledObject")

    def interval(self, stored: Stored) -> float:
        return float(stored.spec.get("pollingInterval", _EVERY))

    def look(self, stored: Stored) -> None:
        scaled = stored.spec["scaleTargetRef"]
        place = stored.namespace, scaled.get("kind", "Deployment"), scaled["name"]
        workload = self.find(*place)
        paused = stored.annotations.get(PAUSED_REPLICAS)
        if paused is not None:
            self.put(*place, {"replicas": int(paused)})
        elif stored.annotations.get(ACTIVE) == "true" and workload and workload.spec.get("replicas") == 0:
            self.put(*place, {"replicas": max(1, stored.spec.get("minReplicaCount", 0))})


class KedaJobs(Looping):
    """KEDA's ScaledJob: one more Job at each look while its trigger is active, unless it is paused."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        super().__init__(store, kinds, "keda.sh", "ScaledJob")
        self._made = 0

    def interval(self, stored: Stored) -> float:
        return float(stored.spec.get("pollingInterval", _EVERY))

    def look(self, stored: Stored) -> None:
        if stored.annotations.get(PAUSED) == "true" or stored.annotations.get(ACTIVE) != "true":
            return
        self._made += 1
        meta = {
            "name": f"{stored.name}-{self._made}",
            "namespace": stored.namespace,
            "uid": str(UUID(int=self._made, version=4)),
            "generation": 1,
            "creationTimestamp": timestamp(),
            "labels": {"scaledjob.keda.sh/name": stored.name},
            "ownerReferences": [owner_reference(stored)],
        }
        job = {"metadata": meta, "spec": stored.spec["jobTargetRef"], "status": {}}
        self._store.insert(builtin.JOB, with_defaults(builtin.JOB, job))


def autoscalers(store: Store, kinds: Kinds) -> tuple[Looping, ...]:
    """Every autoscaler."""
    return (HorizontalAutoscaler(store, kinds), KedaLoop(store, kinds), KedaJobs(store, kinds))
