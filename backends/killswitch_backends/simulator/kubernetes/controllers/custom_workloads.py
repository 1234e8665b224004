"""Controllers of custom workloads, as far as agents run in them: Argo Rollouts, Agent Sandboxes, KServe.

They exist only where a test or a drill defined the custom resource. Each makes what its real model makes: a Rollout
ReplicaSets with its own hash label, a Sandbox one pod, an InferenceService a Deployment.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.controllers.manager import Key
from killswitch_backends.simulator.kubernetes.controllers.pods import (
    new_pod,
    owner_reference,
    template_hash,
    with_status,
)
from killswitch_backends.simulator.kubernetes.defaults import with_defaults
from killswitch_backends.simulator.kubernetes.deletion import DeleteOptions, delete
from killswitch_backends.simulator.kubernetes.kinds import Kind, Kinds
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, controller_of, new_uid, timestamp
from killswitch_backends.simulator.kubernetes.storage import Event, Store

ROLLOUT_HASH = "rollouts-pod-template-hash"
_KINDS = {("argoproj.io", "Rollout"), ("agents.x-k8s.io", "Sandbox"), ("serving.kserve.io", "InferenceService")}
_NAMES = {name for _, name in _KINDS}


class CustomWorkloads:
    """Makes and removes what custom workloads run."""

    hears = None

    def __init__(self, store: Store, served: Kinds, rng: Random) -> None:
        self._store, self._kinds, self._rng = store, served, rng

    def concerned(self, event: Event) -> Iterable[Key]:
        kind = event.stored.kind
        if (kind.group, kind.name) in _KINDS:
            return ((kind.name, *event.stored.key),)
        if kind in (kinds.POD, kinds.REPLICA_SET, kinds.DEPLOYMENT):
            owner = controller_of(event.stored.value)
            if owner and owner["kind"] in _NAMES:
                return ((owner["kind"], event.stored.namespace, owner["name"]),)
        return ()

    def sync(self, key: Key) -> None:
        name, *place = key
        kind = next((kind for kind in self._kinds if kind.name == name and (kind.group, name) in _KINDS), None)
        stored = self._store.get(kind, *place) if kind else None
        if stored is None or stored.deleting:
            return
        match name:
            case "Rollout":
                self._rollout(stored)
            case "Sandbox":
                self._sandbox(stored)
            case _:
                self._inference_service(stored)

    def _rollout(self, owner: Stored) -> None:
        wanted, template = template_hash(owner.spec["template"]), owner.spec["template"]
        replicas = owner.spec.get("replicas", 1)
        about = template.get("metadata") or {}
        labels = {**(about.get("labels") or {}), ROLLOUT_HASH: wanted}
        sets = self._store.owned(owner.uid, kinds.REPLICA_SET)
        if not sets:
            spec = {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {**template, "metadata": {**about, "labels": labels}},
            }
            self._insert(kinds.REPLICA_SET, f"{owner.name}-{wanted}", owner, spec, labels)
        elif sets[0].spec["replicas"] != replicas:
            self._change(sets[0], replicas=replicas)
        status = sets[0].status if sets else {}
        counts = {field: status.get(field, 0) for field in ("replicas", "readyReplicas")}
        with_status(self._store, owner, {**counts, "observedGeneration": str(owner.meta.get("generation", 1))})

    def _sandbox(self, owner: Stored) -> None:
        off = owner.spec.get("operatingMode") == "Suspended" or owner.spec.get("replicas") == 0
        pods = self._store.owned(owner.uid, kinds.POD)
        if off:
            for pod in pods:
                if not pod.deleting:
                    delete(self._store, pod, DeleteOptions())
        elif "podTemplate" in owner.spec and not pods and not self._store.get(kinds.POD, owner.namespace, owner.name):
            model = Stored(owner.kind, {**owner.value, "spec": {"template": owner.spec["podTemplate"]}}, 0)
            self._store.insert(kinds.POD, new_pod(model, owner.name, self._rng))

    def _inference_service(self, owner: Stored) -> None:
        off = owner.annotations.get("serving.kserve.io/stop") == "true"
        made = self._store.owned(owner.uid, kinds.DEPLOYMENT)
        if off:
            for deployment in made:
                if not deployment.deleting:
                    delete(self._store, deployment, DeleteOptions(policy="Background"))
        elif not made:
            labels = {**owner.labels, "serving.kserve.io/inferenceservice": owner.name}
            spec = {
                "replicas": owner.spec["predictor"].get("minReplicas", 1),
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": owner.spec["predictor"]["model"]},
            }
            self._insert(kinds.DEPLOYMENT, f"{owner.name}-predictor", owner, spec, labels)

    def _insert(self, kind: Kind, name: str, owner: Stored, spec: JsonObject, labels: dict[str, str]) -> None:
        meta = {
            "name": name,
            "namespace": owner.namespace,
            "uid": new_uid(self._rng),
            "generation": 1,
            "creationTimestamp": timestamp(),
            "labels": labels,
            "ownerReferences": [owner_reference(owner)],
        }
        self._store.insert(kind, with_defaults(kind, {"metadata": meta, "spec": spec, "status": {"replicas": 0}}))

    def _change(self, stored: Stored, **spec: object) -> None:
        meta = {**stored.meta, "generation": stored.meta["generation"] + 1}
        self._store.replace(stored, {**stored.value, "metadata": meta, "spec": {**stored.spec, **spec}})
