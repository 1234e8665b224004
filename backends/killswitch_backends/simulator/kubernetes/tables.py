"""Objects as ``kubectl get`` prints them: the server-side Table (printers of k8s.io/kubernetes pkg/printers)."""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable, Iterable
from typing import Any

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.answers import metadata_object
from killswitch_backends.simulator.kubernetes.kinds import Kind
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, typed
from killswitch_backends.simulator.kubernetes.selectors import written

Cells = Callable[[Stored], list[Any]]


def age(stamp: str | None) -> str:
    """A time's age in kubectl's short form, such as ``5m10s``."""
    if not stamp:
        return "<unknown>"
    seconds = max(0, int(time.time()) - calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")))
    if seconds < 120:
        return f"{seconds}s"
    if seconds < 600:
        return f"{seconds // 60}m{seconds % 60}s" if seconds % 60 else f"{seconds // 60}m"
    if seconds < 3 * 3600:
        return f"{seconds // 60}m"
    return f"{seconds // 3600}h" if seconds < 48 * 3600 else f"{seconds // 86400}d"


def _age(stored: Stored) -> str:
    return age(stored.meta.get("creationTimestamp"))


def pod_phase(pod: Stored) -> str:
    """The STATUS column of a pod."""
    if pod.deleting:
        return "Terminating"
    phase = str(pod.status.get("phase", "Pending"))
    return {"Pending": "ContainerCreating" if pod.spec.get("nodeName") else "Pending", "Succeeded": "Completed"}.get(
        phase, phase
    )


def _pod(pod: Stored) -> list[Any]:
    containers = pod.status.get("containerStatuses") or []
    ready = sum(1 for container in containers if container.get("ready"))
    restarts = sum(container.get("restartCount", 0) for container in containers)
    return [pod.name, f"{ready}/{len(pod.spec.get('containers') or [])}", pod_phase(pod), restarts, _age(pod)]


def _deployment(one: Stored) -> list[Any]:
    status = one.status
    ready = f"{status.get('readyReplicas', 0)}/{one.spec.get('replicas', 1)}"
    return [one.name, ready, status.get("updatedReplicas", 0), status.get("availableReplicas", 0), _age(one)]


def _replica_set(one: Stored) -> list[Any]:
    status = one.status
    return [one.name, one.spec.get("replicas", 1), status.get("replicas", 0), status.get("readyReplicas", 0), _age(one)]


def _stateful_set(one: Stored) -> list[Any]:
    return [one.name, f"{one.status.get('readyReplicas', 0)}/{one.spec.get('replicas', 1)}", _age(one)]


def _daemon_set(one: Stored) -> list[Any]:
    status = one.status
    fields = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    wanted = one.spec.get("template", {}).get("spec", {}).get("nodeSelector") or {}
    return [one.name, *(status.get(f, 0) for f in fields), written({"matchLabels": wanted}) or "<none>", _age(one)]


def _job(job: Stored) -> list[Any]:
    done = next((c["type"] for c in job.status.get("conditions") or () if c.get("status") == "True"), "Running")
    completions = f"{job.status.get('succeeded', 0)}/{job.spec.get('completions') or 1}"
    return [job.name, done, completions, age(job.status.get("startTime")), _age(job)]


def _cron_job(one: Stored) -> list[Any]:
    last = one.status.get("lastScheduleTime")
    active = len(one.status.get("active") or ())
    suspended = str(one.spec.get("suspend", False))
    return [one.name, one.spec.get("schedule", ""), suspended, active, age(last) if last else "<none>", _age(one)]


def _node(node: Stored) -> list[Any]:
    ready = next((c for c in node.status.get("conditions") or () if c["type"] == "Ready"), {"status": "Unknown"})
    version = node.status.get("nodeInfo", {}).get("kubeletVersion", "")
    return [node.name, "Ready" if ready["status"] == "True" else "NotReady", "<none>", _age(node), version]


def _autoscaler(one: Stored) -> list[Any]:
    target, spec = one.spec.get("scaleTargetRef", {}), one.spec
    reference = f"{target.get('kind')}/{target.get('name')}"
    bounds = [spec.get("minReplicas", 1), spec.get("maxReplicas", 0)]
    return [one.name, reference, *bounds, one.status.get("currentReplicas", 0), _age(one)]


_COLUMNS: dict[Kind, tuple[str, Cells]] = {
    kinds.POD: ("Name Ready Status Restarts:integer Age", _pod),
    kinds.DEPLOYMENT: ("Name Ready Up-to-date:integer Available:integer Age", _deployment),
    kinds.REPLICA_SET: ("Name Desired:integer Current:integer Ready:integer Age", _replica_set),
    kinds.STATEFUL_SET: ("Name Ready Age", _stateful_set),
    kinds.DAEMON_SET: (
        "Name Desired:integer Current:integer Ready:integer Up-to-date:integer Available:integer Node_Selector Age",
        _daemon_set,
    ),
    kinds.JOB: ("Name Status Completions Duration Age", _job),
    kinds.CRON_JOB: ("Name Schedule Suspend Active:integer Last_Schedule Age", _cron_job),
    kinds.NODE: ("Name Status Roles Age Version", _node),
    kinds.NAMESPACE: ("Name Status Age", lambda one: [one.name, one.status.get("phase", "Active"), _age(one)]),
    kinds.AUTOSCALER: ("Name Reference MinPods:integer MaxPods:integer Replicas:integer Age", _autoscaler),
}


def _plain(stored: Stored) -> list[Any]:
    return [stored.name, _age(stored)]


def _columns(kind: Kind) -> list[JsonObject]:
    heads, _ = _COLUMNS.get(kind, ("Name Age", _plain))
    columns: list[JsonObject] = []
    for head in heads.split():
        name, _, of = head.partition(":")
        shape = "name" if name == "Name" else ""
        columns.append(
            {"name": name.replace("_", " "), "type": of or "string", "format": shape, "description": "", "priority": 0}
        )
    return columns


def table(kind: Kind, objects: Iterable[Stored], meta: JsonObject, include: str) -> JsonObject:
    """A meta.k8s.io/v1 Table; ``include`` is the query's ``includeObject``: None, Metadata (default) or Object."""
    _, cells = _COLUMNS.get(kind, ("", _plain))
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": _columns(kind),
        "rows": [{"cells": cells(one), **_included(one, include)} for one in objects],
    }


def _included(stored: Stored, include: str) -> JsonObject:
    if include == "None":
        return {}
    return {"object": typed(stored.kind, stored.value) if include == "Object" else metadata_object(stored)}
