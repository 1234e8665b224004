"""What is learnt late, or in another order, counts as if it had been known at once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from killswitch_backends.protocol import Sight
from kubernetes_table import (
    Admin,
    agent,
    halted,
    is_stopped,
    observing,
    opened,
    order,
    sighting,
    target,
)
from kubernetes_workloads import DEFINITIONS, definition, manifest, path
from simulated import Simulated, eventually, running


async def defined(admin: Admin, kind: str) -> None:
    """Have a kind served."""
    body = definition(kind)
    admin.call("POST", DEFINITIONS, body)
    await eventually(lambda: admin.call("GET", f"{DEFINITIONS}/{body['metadata']['name']}").get("status"))


@pytest.fixture
async def sim() -> AsyncIterator[Simulated]:
    async with running(specs=[agent("bystander-1", replicas=1)]) as sim:
        yield sim


async def test_a_halt_is_watched_and_restored_by_a_console_that_has_not_asked_what_is_served(sim: Simulated) -> None:
    admin = Admin(sim)
    await defined(admin, "Rollout")
    admin.call("POST", path("Rollout"), manifest("Rollout", "early-1"))
    await eventually(lambda: len(admin.pods(selector="agent=early-1")) == 2)
    async with opened(sim) as backend:
        (watch,) = await halted(backend, target("early-1", kind="Rollout"))
    async with opened(sim) as afresh, observing(afresh, [watch]) as seen:
        await seen.until(is_stopped)
        admin.call(
            "PATCH", f"{path('Rollout')}/early-1", {"spec": {"replicas": 1}}, content="application/merge-patch+json"
        )
        await seen.until(lambda item: item.sight is Sight.ACTING)
        await afresh.halt(watch.captured, order())
    async with opened(sim) as afresh:
        await afresh.restore(watch, order())
    assert admin.call("GET", f"{path('Rollout')}/early-1")["spec"]["replicas"] == 2


async def test_a_job_whose_maker_has_another_template_by_now_still_counts(sim: Simulated) -> None:
    """A CronJob's template may change while an earlier Job of it runs: its labels are no way to that Job's pods."""
    admin = Admin(sim)
    cron = admin.call("POST", path("CronJob"), manifest("CronJob", "nightly-1"))
    job = manifest("Job", "nightly-1-early")
    job["metadata"]["labels"] = {}
    job["spec"]["template"]["metadata"]["labels"] = {"aa": "earlier"}
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly-1", "uid": cron["metadata"]["uid"]}
    job["metadata"]["ownerReferences"] = [owner | {"controller": True}]
    admin.call("POST", path("Job"), job)
    held = [{"op": "add", "path": "/metadata/finalizers", "value": ["example.com/slow"]}]
    await eventually(lambda: len(admin.pods(selector="aa=earlier")) == 2)
    for pod in admin.pods(selector="aa=earlier"):
        admin.call("PATCH", path("Pod", pod["metadata"]["name"]), held, content="application/json-patch+json")
    async with opened(sim) as backend, sighting(backend):
        (watch,) = await halted(backend, target("nightly-1", kind="CronJob"))
        async with observing(backend, [watch]) as seen:
            first = await seen.until(lambda item: item.sight in (Sight.STOPPED, Sight.DRAINING))
            assert first.sight is Sight.DRAINING
            freed = [{"op": "remove", "path": "/metadata/finalizers"}]
            for pod in admin.pods(selector="aa=earlier"):
                admin.call("PATCH", path("Pod", pod["metadata"]["name"]), freed, content="application/json-patch+json")
            await seen.until(is_stopped)
