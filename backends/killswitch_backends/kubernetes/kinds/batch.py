"""Jobs and CronJobs: halted by ``spec.suspend``.

Suspending a Job deletes its active pods; what they had not completed is done again after the restore. Suspending a
CronJob does not touch the Jobs it started, so these are suspended with it (companions/children.py), each with a mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.kinds.kind import Field, Kind
from killswitch_backends.kubernetes.kinds.templated import SUSPEND, Templated, labels_selector
from killswitch_backends.kubernetes.records import Owner, Selector, has_condition, items, mapping, number
from killswitch_backends.kubernetes.resources import Resource
from killswitch_backends.protocol import Json

JOBS = Resource("/apis/batch/v1", "jobs")
CRON_JOBS = Resource("/apis/batch/v1", "cronjobs")


def is_finished(item: Mapping[str, Any]) -> bool:
    """Whether a Job is over for good: none of its pods will run again."""
    return has_condition(item, "Complete", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Templated):
    """``batch/v1`` Job."""

    name: str = "Job"
    resource: Resource = JOBS
    switch: tuple[Field, ...] = (SUSPEND,)

    def counts(self, item: Mapping[str, Any]) -> tuple[int, int]:
        spec, status = mapping(item.get("spec")), mapping(item.get("status"))
        wanted = 0 if is_finished(item) or spec.get("suspend") is True else number(spec.get("parallelism"))
        return 1 if wanted is None else wanted, number(status.get("ready")) or 0

    def observed(self, item: Mapping[str, Any], generation: int) -> int | None:
        """A Job's status names no generation; its condition says whether the controller knows of the suspension."""
        if mapping(item.get("spec")).get("suspend") is not True or is_finished(item):
            return generation
        return generation if has_condition(item, "Suspended") else None

    def action(self, prior: Mapping[str, Json]) -> str:
        _ = prior
        return "suspend (its pods end; what they had not completed is done again after a restore)"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartsJobs(Templated):
    """A kind that starts Jobs: their pods are its pods, and they are halted with it."""

    children: tuple[str, ...] = ("Job",)

    def observed(self, item: Mapping[str, Any], generation: int) -> int | None:
        """No controller of such a kind says what it read; a Job it starts late is seen, and suspended, as a revival."""
        _ = item
        return generation

    def selector(self, item: Mapping[str, Any], inner: Mapping[str, Any]) -> Selector:
        _ = item
        return labels_selector(inner)

    def owns(self, owner: Owner) -> str | None:
        """Its pods are its Jobs'."""
        _ = owner
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CronJob(StartsJobs):
    """``batch/v1`` CronJob and the Jobs it started."""

    name: str = "CronJob"
    resource: Resource = CRON_JOBS
    switch: tuple[Field, ...] = (SUSPEND,)
    template: str = "/spec/jobTemplate/spec/template"

    def counts(self, item: Mapping[str, Any]) -> tuple[int, int]:
        active = len(items(mapping(item.get("status")).get("active")))
        return active, active

    def action(self, prior: Mapping[str, Json]) -> str:
        _ = prior
        return "suspend it and the Jobs it started (a run missed meanwhile may start on restore)"


KINDS: tuple[Kind, ...] = (Job(), CronJob())
