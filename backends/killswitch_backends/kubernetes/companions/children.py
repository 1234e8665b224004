"""The running Jobs of CronJobs and KEDA's ScaledJobs: suspending their maker leaves them running, so they are too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from killswitch_backends.kubernetes.companions.companion import Companion, companion_of, holders_of
from killswitch_backends.kubernetes.kinds.batch import JOBS, is_finished
from killswitch_backends.kubernetes.kinds.reading import controller_of
from killswitch_backends.kubernetes.records import mapping, text
from killswitch_backends.kubernetes.resources import ObjectKey

_STARTERS = ("CronJob", "ScaledJob")


def of_job(item: Mapping[str, Any]) -> tuple[ObjectKey, Companion] | None:
    """The workload that a Job belongs to, and the Job to hold with it; None: it is nobody's, or over."""
    meta = mapping(item.get("metadata"))
    owner = controller_of(meta)
    if owner is None or owner.kind not in _STARTERS or (is_finished(item) and not holders_of(item)):
        return None
    key = ObjectKey(text(meta.get("namespace")), owner.kind, owner.name)
    return key, companion_of("Job", JOBS, item, [("/spec/suspend", True)])
