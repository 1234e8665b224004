"""Deleting: grace periods of pods, finalizers, propagation policies and preconditions.

(The apiserver's generic registry: ``BeforeDelete`` and ``deletionFinalizersForGarbageCollection``.)
"""

from __future__ import annotations

import calendar
import time
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.failures import bad_request, conflict
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, timestamp, with_meta
from killswitch_backends.simulator.kubernetes.requests import is_dry_run
from killswitch_backends.simulator.kubernetes.storage import Store

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_POLICIES = ("Background", "Foreground", "Orphan")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    """How an object is to be deleted. ``grace`` in seconds; None: the pod's own."""

    grace: int | None = None
    policy: str = ""
    uid: str = ""
    version: str = ""
    dry_run: bool = False


def read_options(body: JsonObject, request: web.Request) -> DeleteOptions:
    """Read DeleteOptions from the body, or from the query where the body says nothing.

    Raises:
        ApiFailure: 400 for values that mean nothing.
    """
    query = request.query
    grace = body.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    policy = body.get("propagationPolicy") or query.get("propagationPolicy") or ""
    if body.get("orphanDependents") is True:
        policy = "Orphan"
    if policy and policy not in _POLICIES:
        raise bad_request(f'invalid propagationPolicy "{policy}": expected one of {", ".join(_POLICIES)}')
    preconditions = body.get("preconditions") or {}
    return DeleteOptions(
        grace=_seconds(grace),
        policy=policy,
        uid=preconditions.get("uid") or "",
        version=preconditions.get("resourceVersion") or "",
        dry_run=is_dry_run(list(body.get("dryRun") or []) + query.getall("dryRun", [])),
    )


def _seconds(value: Any) -> int | None:
    if value is None:
        return None
    try:
        seconds = int(value)
    except (TypeError, ValueError):
        raise bad_request(f'strconv.ParseInt: parsing "{value}": invalid syntax') from None
    return seconds if seconds >= 0 else 1


@dataclass(frozen=True, slots=True)
class Deleted:
    """What became of a deletion: the object (as last stored, or as it would be), and whether it is gone."""

    stored: Stored
    gone: bool


def delete(store: Store, stored: Stored, options: DeleteOptions) -> Deleted:
    """Delete an object, or mark it as being deleted while finalizers or its grace hold it.

    Raises:
        ApiFailure: 409 when a precondition does not hold.
    """
    _check_preconditions(stored, options)
    marked, may_go = _marked(stored, options)
    if may_go and not _held(marked):
        return Deleted(stored if options.dry_run else store.remove(stored), gone=True)
    if options.dry_run:
        return Deleted(Stored(stored.kind, marked, stored.version), gone=False)
    return Deleted(store.replace(stored, marked), gone=False)


def finish(store: Store, stored: Stored) -> None:
    """Remove an object that was being deleted and that nothing holds any more."""
    if stored.deleting and not _held(stored.value):
        store.remove(stored)


def settle(store: Store, stored: Stored) -> Stored:
    """After an update: remove the object if that update took the last thing that held it. Returns what is left."""
    if stored.deleting and not _held(stored.value) and not stored.meta.get("deletionGracePeriodSeconds"):
        store.remove(stored)
    return stored


def _held(value: JsonObject) -> bool:
    """Whether finalizers keep an object (a namespace has its own, in its spec)."""
    return bool(value["metadata"].get("finalizers") or (value.get("spec") or {}).get("finalizers"))


def _check_preconditions(stored: Stored, options: DeleteOptions) -> None:
    if options.uid and options.uid != stored.uid:
        why = f"Precondition failed: UID in precondition: {options.uid}, UID in object meta: {stored.uid}"
        raise conflict(stored.kind, stored.name, why)
    current = stored.meta["resourceVersion"]
    if options.version and options.version != current:
        why = (
            "Precondition failed: ResourceVersion in precondition: "
            f"{options.version}, ResourceVersion in object meta: {current}"
        )
        raise conflict(stored.kind, stored.name, why)


def _marked(stored: Stored, options: DeleteOptions) -> tuple[JsonObject, bool]:
    """The object with its deletion marks, and whether it may go as soon as nothing holds it."""
    value = _with_policy(stored.value, options.policy)
    if stored.kind is kinds.POD:
        return _marked_pod(value, stored, options.grace)
    if stored.deleting:
        return value, True
    value = with_meta(value, deletionTimestamp=timestamp(), deletionGracePeriodSeconds=0)
    if stored.kind is kinds.NAMESPACE:
        value = {**value, "status": {**stored.status, "phase": "Terminating"}}
    return value, True


def _with_policy(value: JsonObject, policy: str) -> JsonObject:
    """The finalizers that make the garbage collector carry out a propagation policy."""
    if not policy:
        return value
    had = value["metadata"].get("finalizers") or []
    kept = [one for one in had if one not in (FOREGROUND, ORPHAN)]
    wanted = kept + {"Foreground": [FOREGROUND], "Orphan": [ORPHAN]}.get(policy, [])
    if wanted == had:
        return value
    return with_meta(value, finalizers=wanted) if wanted else with_meta(value, finalizers=None)


def _marked_pod(value: JsonObject, pod: Stored, asked: int | None) -> tuple[JsonObject, bool]:
    own = pod.spec.get("terminationGracePeriodSeconds", 30)
    grace = own if asked is None else asked
    if not pod.spec.get("nodeName") or pod.status.get("phase") in ("Succeeded", "Failed"):
        grace = 0
    now = int(time.time())
    if pod.deleting:
        before = pod.meta.get("deletionGracePeriodSeconds", 0)
        if (asked is None and grace != 0) or grace >= before:
            return value, before == 0
        now = _unix(pod.meta["deletionTimestamp"]) - before
    marks = {"deletionTimestamp": timestamp(now + grace), "deletionGracePeriodSeconds": grace}
    return with_meta(value, **marks), grace == 0


def _unix(stamp: str) -> int:
    return calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))
