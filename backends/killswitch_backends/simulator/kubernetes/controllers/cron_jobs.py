"""CronJobs: a Job whenever the schedule says so. Suspending one does not touch the Jobs it has started."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterable
from random import Random

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.controllers.jobs import finished
from killswitch_backends.simulator.kubernetes.controllers.manager import Key
from killswitch_backends.simulator.kubernetes.controllers.pods import own_and_owner, owner_reference, with_status
from killswitch_backends.simulator.kubernetes.defaults import with_defaults
from killswitch_backends.simulator.kubernetes.deletion import DeleteOptions, delete
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, new_uid, timestamp
from killswitch_backends.simulator.kubernetes.storage import Event, Store

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MACROS = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}
_LOOK_BACK = 24 * 60
"""Minutes within which a missed run is still found."""


class CronJobController:
    """Starts Jobs, looking again at every full minute."""

    hears = (kinds.CRON_JOB, kinds.JOB)

    def __init__(self, store: Store, rng: Random) -> None:
        self._store, self._rng = store, rng

    def concerned(self, event: Event) -> Iterable[Key]:
        return own_and_owner(event, kinds.CRON_JOB)

    def sync(self, key: Key) -> float | None:
        namespace, name = key
        owner = self._store.get(kinds.CRON_JOB, namespace, name)
        if owner is None or owner.deleting:
            return None
        now = int(time.time())
        due = None if owner.spec["suspend"] else last_due(owner.spec["schedule"], _since(owner), now)
        status = owner.status
        if due is not None and self._may_start(owner):
            self._start(owner, due)
            status = {**status, "lastScheduleTime": timestamp(due)}
        self._forget_finished(owner)
        with_status(self._store, owner, self._with_active(owner, status))
        return 60.0 - time.time() % 60 if not owner.spec["suspend"] else None

    def _jobs(self, owner: Stored) -> list[Stored]:
        return self._store.owned(owner.uid, kinds.JOB)

    def _may_start(self, owner: Stored) -> bool:
        """Apply the concurrency policy: ``Replace`` removes what runs, ``Forbid`` waits."""
        running = [job for job in self._jobs(owner) if not finished(job)]
        if owner.spec["concurrencyPolicy"] == "Replace":
            for job in running:
                delete(self._store, job, DeleteOptions(policy="Background"))
            return True
        return not running or owner.spec["concurrencyPolicy"] != "Forbid"

    def _start(self, owner: Stored, due: int) -> None:
        template = owner.spec["jobTemplate"]
        about = template.get("metadata") or {}
        name = f"{owner.name}-{due // 60}"
        if self._store.get(kinds.JOB, owner.namespace, name):
            return
        meta = {
            "name": name,
            "namespace": owner.namespace,
            "uid": new_uid(self._rng),
            "generation": 1,
            "creationTimestamp": timestamp(),
            "labels": about.get("labels") or {},
            "annotations": {**(about.get("annotations") or {}), _SCHEDULED: timestamp(due)},
            "ownerReferences": [owner_reference(owner)],
        }
        value = {"metadata": meta, "spec": template.get("spec") or {}, "status": {}}
        self._store.insert(kinds.JOB, with_defaults(kinds.JOB, value))

    def _forget_finished(self, owner: Stored) -> None:
        for outcome, limit in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            old = sorted((job for job in self._jobs(owner) if finished(job) == outcome), key=lambda job: job.name)
            for job in old[: max(0, len(old) - owner.spec[limit])]:
                delete(self._store, job, DeleteOptions(policy="Background"))

    def _with_active(self, owner: Stored, status: JsonObject) -> JsonObject:
        running = [job for job in self._jobs(owner) if not finished(job) and not job.deleting]
        listed = [
            {"kind": "Job", "apiVersion": "batch/v1", "name": job.name, "namespace": job.namespace, "uid": job.uid}
            for job in running
        ]
        rest = {key: value for key, value in status.items() if key != "active"}
        return {"active": listed, **rest} if listed else rest


_SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def _since(owner: Stored) -> int:
    """The time (Unix seconds) after which a run can be due."""
    stamp = owner.status.get("lastScheduleTime") or owner.meta["creationTimestamp"]
    return calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))


def last_due(schedule: str, since: int, now: int) -> int | None:
    """The latest full minute (Unix seconds) in (since, now] that a cron schedule names, in UTC; None if none does.

    A schedule that cannot be read is never due, as the real controller leaves it alone.
    """
    try:
        fields = _read_schedule(schedule)
    except ValueError:
        return None
    newest = now - now % 60
    for minute in range(newest, max(since, newest - _LOOK_BACK * 60), -60):
        when = time.gmtime(minute)
        found = (when.tm_min, when.tm_hour, when.tm_mday, when.tm_mon, (when.tm_wday + 1) % 7)
        if all(value in allowed for value, allowed in zip(found, fields, strict=True)):
            return minute
    return None


def _read_schedule(schedule: str) -> list[set[int]]:
    """The values each of the five fields allows. Raises ValueError for what is no schedule."""
    fields = _MACROS.get(schedule, schedule).split()
    if len(fields) != len(_RANGES):
        raise ValueError(f"{schedule!r} has not five fields")
    return [_read_field(field, *bounds) for field, bounds in zip(fields, _RANGES, strict=True)]


def _read_field(field: str, low: int, high: int) -> set[int]:
    allowed: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        begin = low if first == "*" else int(first)
        end = int(last) if dash else (high if first == "*" or step else begin)
        allowed.update(range(begin, end + 1, int(step or 1)))
    return allowed
