"""Jobs: pods that run to completion, so many at a time; suspending one deletes its active pods."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.controllers.manager import Key
from killswitch_backends.simulator.kubernetes.controllers.pods import (
    active,
    condition,
    new_pod,
    nonzero,
    own_and_owner,
    ready,
    remove_pods,
    with_status,
)
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, name_suffix, timestamp
from killswitch_backends.simulator.kubernetes.storage import Event, Store

_LABELS = ("batch.kubernetes.io/job-name", "job-name")


class JobController:
    """Starts pods until enough have succeeded."""

    hears = (kinds.JOB, kinds.POD)

    def __init__(self, store: Store, rng: Random) -> None:
        self._store, self._rng = store, rng

    def concerned(self, event: Event) -> Iterable[Key]:
        return own_and_owner(event, kinds.JOB)

    def sync(self, key: Key) -> None:
        namespace, name = key
        job = self._store.get(kinds.JOB, namespace, name)
        if job is None:
            return
        job = self._with_selector(job)
        ended = finished(job)
        pods = self._store.owned(job.uid, kinds.POD)
        succeeded, failed = _count(pods, "Succeeded"), _count(pods, "Failed")
        outcome = ended or _outcome(job, succeeded, failed)
        if not job.deleting:
            self._reconcile(job, pods, wanted=0 if outcome or job.spec["suspend"] else _wanted(job, succeeded))
        pods = self._store.owned(job.uid, kinds.POD)
        with_status(self._store, job, _status(job, pods, outcome))

    def _with_selector(self, job: Stored) -> Stored:
        """The job with the selector and labels that the server generates for it."""
        if job.spec.get("selector"):
            return job
        labels = {"batch.kubernetes.io/controller-uid": job.uid, **dict.fromkeys(_LABELS, job.name)}
        template = job.spec["template"]
        about = template.get("metadata") or {}
        labelled = {**template, "metadata": {**about, "labels": {**(about.get("labels") or {}), **labels}}}
        selector = {"matchLabels": {"batch.kubernetes.io/controller-uid": job.uid}}
        return self._store.replace(job, {**job.value, "spec": {**job.spec, "selector": selector, "template": labelled}})

    def _reconcile(self, job: Stored, pods: list[Stored], *, wanted: int) -> None:
        running = [pod for pod in pods if active(pod)]
        remove_pods(self._store, running, max(0, len(running) - wanted))
        for _ in range(wanted - len(running)):
            self._store.insert(kinds.POD, new_pod(job, f"{job.name}-{name_suffix(self._rng)}", self._rng))


def finished(job: Stored) -> str:
    """The final condition of a job, ``Complete`` or ``Failed``; empty while there is none."""
    for one in job.status.get("conditions") or ():
        if one["type"] in ("Complete", "Failed") and one["status"] == "True":
            return str(one["type"])
    return ""


def _count(pods: list[Stored], phase: str) -> int:
    return sum(1 for pod in pods if pod.status.get("phase") == phase)


def _wanted(job: Stored, succeeded: int) -> int:
    """How many pods should run now."""
    parallelism: int = job.spec["parallelism"]
    completions: int | None = job.spec.get("completions")
    if completions is None:
        return 0 if succeeded else parallelism
    return max(0, min(parallelism, completions - succeeded))


def _outcome(job: Stored, succeeded: int, failed: int) -> str:
    if failed > job.spec["backoffLimit"]:
        return "Failed"
    return "Complete" if succeeded >= (job.spec.get("completions") or 1) else ""


def _status(job: Stored, pods: list[Stored], outcome: str) -> JsonObject:
    before = job.status
    conditions = [one for one in before.get("conditions") or () if one["type"] not in ("Suspended", outcome)]
    suspended = job.spec["suspend"] and not outcome
    if suspended or any(one["type"] == "Suspended" for one in before.get("conditions") or ()):
        words = ("JobSuspended", "Job suspended") if suspended else ("JobResumed", "Job resumed")
        conditions.append(condition(before.get("conditions") or (), "Suspended", bool(suspended), *words))
    if outcome:
        reason = "CompletionsReached" if outcome == "Complete" else "BackoffLimitExceeded"
        conditions.append(condition(before.get("conditions") or (), outcome, True, reason, ""))
    running = [pod for pod in pods if active(pod)]
    started = None if suspended else before.get("startTime") or timestamp()
    done = (before.get("completionTime") or timestamp()) if outcome == "Complete" else None
    return {
        **nonzero(
            conditions=conditions,
            startTime=started,
            completionTime=done,
            active=len(running),
            succeeded=_count(pods, "Succeeded"),
            failed=_count(pods, "Failed"),
        ),
        "terminating": sum(1 for pod in pods if pod.deleting),
        "ready": sum(1 for pod in running if ready(pod)),
        "uncountedTerminatedPods": {},
    }
