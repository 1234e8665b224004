"""From the mirror to the inventory: what the fleet is told of each workload, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from killswitch_backends.kubernetes.changes import is_off
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.mirror.mirror import Follower, Mirror
from killswitch_backends.kubernetes.pods import Pod
from killswitch_backends.kubernetes.records import Workload
from killswitch_backends.kubernetes.resources import POD, ObjectKey
from killswitch_backends.problems import Problem
from killswitch_inventory.agents import Health, How, Instance, worst
from killswitch_inventory.identities import service_account
from killswitch_inventory.sightings import (
    ListingComplete,
    ListingStarted,
    RunsAs,
    Sighting,
    SightingFailed,
    TargetGone,
    TargetSighting,
)
from killswitch_inventory.targets import BackendRef, Layer

_COALESCE_SECONDS = (0.1, 1.0)
"""A rollout touches one workload dozens of times a second; the fleet hears of it once in this time."""
_SHARE = 20.0
"""Sights take one part in so many of the loop's time: while a thousand targets halt, the requests come first."""
_CONFIRM_SECONDS = 60.0
"""While every watch stands, what did not change is confirmed this often, so its age is not the time since a change."""


@dataclass(frozen=True, slots=True)
class Sighter:
    """Turns what a mirror sees into sightings."""

    ref: BackendRef
    mirror: Mirror
    kinds: Mapping[str, Kind]
    now: Callable[[], datetime]
    eks_cluster: str | None = None

    async def sight(self) -> AsyncIterator[Sighting]:
        """Everything, then changes; a broken part is told once, and everything is listed anew when it is well again."""
        with self.mirror.followed() as follower:
            while True:
                yield ListingStarted(self.ref, self.now())
                async for failure in self._until_live(follower):
                    yield failure
                follower.take()
                for sighting in self._everything():
                    yield sighting
                for problem in self.mirror.problems:
                    yield self._failure(problem)
                yield ListingComplete(self.ref, self.now())
                for problem in self.mirror.broken:  # last: it stays said until a whole listing is without
                    yield self._failure(problem)
                async for sighting in self._changes(follower):
                    yield sighting

    async def _until_live(self, follower: Follower) -> AsyncIterator[SightingFailed]:
        told: list[str] = []
        while not self.mirror.live:
            obstacles = self.mirror.obstacles
            if obstacles and (found := [str(problem) for problem in obstacles]) != told:
                told = found
                yield self._failure(obstacles[0])
            follower.stirred.clear()
            await follower.stirred.wait()

    async def _changes(self, follower: Follower) -> AsyncIterator[Sighting]:
        """Changes as they come, until a failure that was told is over."""
        failed, took, broken = False, 0.0, [str(problem) for problem in self.mirror.broken]
        while True:
            try:
                async with asyncio.timeout(_CONFIRM_SECONDS):
                    await follower.stirred.wait()
            except TimeoutError:
                if not failed:
                    for sighting in self._everything():
                        yield sighting
                continue
            least, most = _COALESCE_SECONDS
            await asyncio.sleep(max(least, min(most, _SHARE * took)))
            began = time.perf_counter()
            for key in follower.take():
                yield self._sighting_of(key)
            took = time.perf_counter() - began
            if self.mirror.live and (failed or broken != [str(problem) for problem in self.mirror.broken]):
                return
            if not failed and (obstacles := self.mirror.obstacles):
                failed = True
                yield self._failure(obstacles[0])

    def _everything(self) -> Iterator[Sighting]:
        return (self._sighting_of(workload.key) for workload in self.mirror.every_workload())

    def _sighting_of(self, key: ObjectKey) -> Sighting:
        target = key.target(self.ref)
        if (workload := self.mirror.workload(key)) is None or self.mirror.is_part(key):
            return TargetGone(target, self.now())
        pods = self.mirror.pods_of(key)
        kind = self.kinds[key.kind]
        off = is_off(kind, workload.switch)
        role = self.mirror.accounts.roles.get((key.namespace, workload.account))
        return TargetSighting(
            target=target,
            layer=Layer.PROCESS,
            kind=key.kind,
            seen_at=self.now(),
            claims=(workload.claim,) if workload.claim else (),
            runs_as=tuple(self._runs_as(workload, role)),
            instances=tuple(self._instance_of(pod) for pod in sorted(pods, key=_by_name) if not pod.over),
            concurrency=sum(pod.running for pod in pods) if pods or off else workload.ready,
            health=health_of(workload, pods, off=off),
            mark=workload.mark.told if workload.mark else None,
            off=off,
            canary=workload.canary,
            facts=_facts(workload) | ({"unsupported": kind.unsupported} if kind.unsupported else {}),
        )

    def _runs_as(self, workload: Workload, role: str | None) -> Iterator[RunsAs]:
        """An annotated role; else, on EKS, the service account, which an association may give a role."""
        if role:
            yield RunsAs(role, How.IRSA)
        elif self.eks_cluster:
            account = service_account(
                cluster=self.eks_cluster, namespace=workload.key.namespace, name=workload.account or "default"
            )
            yield RunsAs(account, How.POD_IDENTITY, certain=False)

    def _instance_of(self, pod: Pod) -> Instance:
        ends = ObjectKey(pod.namespace, POD, pod.name).target(self.ref)  # preflight says where it cannot end alone
        return Instance(pod.name, pod.health, terminating=pod.ends_at is not None, where=pod.node, target=ends)

    def _failure(self, problem: Problem) -> SightingFailed:
        return SightingFailed(self.ref, self.now(), str(problem))


def _facts(workload: Workload) -> dict[str, str]:
    facts = {"replicas": str(workload.desired), "ready": str(workload.ready), "account": workload.account}
    return facts | {"deleting": "yes"} if workload.deleting else facts


def _by_name(pod: Pod) -> str:
    return pod.name


def health_of(workload: Workload, pods: list[Pod], *, off: bool) -> Health:
    """How a workload does: the worst of its pods, degraded while it has too few.

    Where none of its pods is seen although it has some (no label on them, no right to read them), its controller's
    count stands; not once it is off, when that count lags behind the pods.
    """
    if not pods and workload.ready and not off:
        return Health.OK if workload.ready >= workload.desired else Health.DEGRADED
    healths = [pod.health for pod in pods if pod.ends_at is None and not pod.over]
    if off and not healths:
        return Health.IDLE
    if len(healths) < workload.desired and Health.FAILING not in healths:
        healths.append(Health.DEGRADED)
    return worst(healths)
