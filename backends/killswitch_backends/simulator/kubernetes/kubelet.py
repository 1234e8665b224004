"""The nodes' side: pods start a moment after they are bound, act, and end when their grace is over.

An agent ignores SIGTERM, so its container runs on until 90 to 100 % of its grace. What happens to the API object
does not end a container sooner: after a force delete it runs on out of sight, and a node that is not ready neither
starts nor ends anything. Only here are instances reported to the world.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from random import Random

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.deletion import finish
from killswitch_backends.simulator.kubernetes.objects import Stored, timestamp, with_meta
from killswitch_backends.simulator.kubernetes.pod_status import ended_status, running_status
from killswitch_backends.simulator.kubernetes.storage import Change, Event, Store
from killswitch_backends.simulator.seams import Acting

ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
RUN_SECONDS = "simulator/run-seconds"
"""Pod annotation: a container that may complete does so after this many seconds (default 5)."""
EXIT_CODE = "simulator/exit-code"

_START = (0.05, 0.2)
"""Seconds from being bound to running, at least and at most."""
_OVER = ("Succeeded", "Failed")
_LEAST_GRACE = 1
"""Seconds of grace that a kubelet gives even to a pod that was deleted by force."""


@dataclass(slots=True, eq=False)
class Container:
    """A pod's containers as its node knows them, from being bound to having ended."""

    uid: str
    key: tuple[str, str]
    node: str
    grace: int
    agent: str
    identity: str | None = None
    running: bool = False
    completes: bool = False
    ends_at: float | None = None
    """Loop time at which it will have ended; None while nobody asked it to."""
    timer: asyncio.TimerHandle | None = None


class Kubelet:
    """The kubelets of all nodes."""

    def __init__(self, store: Store, acting: Acting, rng: Random) -> None:
        self._store, self._acting, self._rng = store, acting, rng
        self._containers: dict[str, Container] = {}
        self._addresses = 0

    def hear(self, event: Event) -> None:
        """Notice a change of a pod or a node. Writes nothing itself: all work is done from timers."""
        stored = event.stored
        if stored.kind is kinds.POD:
            self._hear_pod(event)
        elif stored.kind is kinds.NODE and self.node_ready(stored.name):
            for container in [one for one in self._containers.values() if one.node == stored.name]:
                self._catch_up(container)

    def adopt(self, pod: Stored) -> None:
        """Take over a pod that was seeded as running."""
        container = self._known(pod)
        self._run(container, pod)

    def address(self) -> str:
        """The next pod IP."""
        self._addresses += 1
        return f"10.{128 + self._addresses // 65025}.{self._addresses // 255 % 255}.{1 + self._addresses % 255}"

    def node_ready(self, name: str) -> bool:
        node = self._store.get(kinds.NODE, "", name)
        found = node.status.get("conditions") or () if node else ()
        return any(one["type"] == "Ready" and one["status"] == "True" for one in found)

    def _hear_pod(self, event: Event) -> None:
        pod = event.stored
        container = self._containers.get(pod.uid)
        if event.change is Change.DELETED:
            if container is not None:
                self._end_after(container, None)
        elif pod.deleting:
            if pod.spec.get("nodeName") and pod.status.get("phase") not in _OVER:
                self._end_after(container or self._known(pod), pod.meta["deletionGracePeriodSeconds"])
            else:
                asyncio.get_running_loop().call_soon(self._finish, pod.key, pod.uid)
        elif container is None and pod.spec.get("nodeName") and pod.status.get("phase") == "Pending":
            self._start_soon(self._known(pod))

    def _known(self, pod: Stored) -> Container:
        container = Container(
            uid=pod.uid,
            key=pod.key,
            node=pod.spec["nodeName"],
            grace=pod.spec.get("terminationGracePeriodSeconds", 30),
            agent=pod.labels.get("agent", ""),
            completes=pod.spec.get("restartPolicy") != "Always",
        )
        self._containers[pod.uid] = container
        return container

    def _start_soon(self, container: Container) -> None:
        if self.node_ready(container.node):
            loop = asyncio.get_running_loop()
            container.timer = loop.call_later(self._rng.uniform(*_START), self._start, container)

    def _start(self, container: Container) -> None:
        pod = self._store.get(kinds.POD, *container.key)
        if pod is None or pod.uid != container.uid or pod.deleting:
            return
        self._run(container, pod)
        status = running_status(pod.spec, pod.uid, self.address(), timestamp())
        self._store.replace(pod, {**pod.value, "status": status})

    def _run(self, container: Container, pod: Stored) -> None:
        account = self._store.get(kinds.SERVICE_ACCOUNT, pod.namespace, pod.spec.get("serviceAccountName", "default"))
        container.identity = account.annotations.get(ROLE_ANNOTATION) if account else None
        container.running = True
        if container.agent:
            self._acting.instance_started(container.agent, container.uid, identity=container.identity)
        if container.completes:
            seconds = number_of(pod, RUN_SECONDS, 5.0)
            container.timer = asyncio.get_running_loop().call_later(seconds, self._complete, container)

    def _complete(self, container: Container) -> None:
        """A container ends by itself: its work is done."""
        self._stop(container)
        pod = self._store.get(kinds.POD, *container.key)
        if pod is not None and pod.uid == container.uid:
            status = ended_status(pod, int(number_of(pod, EXIT_CODE, 0)))
            self._store.replace(pod, {**pod.value, "status": status})

    def _end_after(self, container: Container, grace: int | None) -> None:
        """Ask a container to end within its grace; later requests can only shorten it.

        A force delete (None, or zero for an object that something else holds) does not shorten a grace under way.
        """
        if not self.node_ready(container.node):
            return
        loop = asyncio.get_running_loop()
        if not container.running:
            self._set_end(container, loop.time())
            return
        if not grace:
            if container.ends_at is not None:
                return
            grace = max(container.grace, _LEAST_GRACE)
        ends_at = loop.time() + grace * self._rng.uniform(0.9, 1.0)
        if container.ends_at is None or ends_at < container.ends_at:
            self._set_end(container, ends_at)

    def _set_end(self, container: Container, ends_at: float) -> None:
        if container.timer is not None:
            container.timer.cancel()
        container.ends_at = ends_at
        container.timer = asyncio.get_running_loop().call_at(ends_at, self._ended, container)

    def _ended(self, container: Container) -> None:
        """A container has ended: first the status says so, then the object goes, unless finalizers hold it.

        (The kubelet's status manager: a pod that was told to end gets its terminal phase before it is removed.)
        """
        self._stop(container)
        pod = self._store.get(kinds.POD, *container.key)
        if pod and pod.uid == container.uid and pod.deleting and pod.status.get("phase") not in _OVER:
            self._store.replace(pod, {**pod.value, "status": ended_status(pod, 137)})
        self._finish(container.key, container.uid)

    def _stop(self, container: Container) -> None:
        if container.running and container.agent:
            self._acting.instance_ended(container.uid)
        if container.timer is not None:
            container.timer.cancel()
        self._containers.pop(container.uid, None)

    def _finish(self, key: tuple[str, str], uid: str) -> None:
        pod = self._store.get(kinds.POD, *key)
        if pod is None or pod.uid != uid or not pod.deleting:
            return
        if pod.meta.get("finalizers"):
            value = with_meta(pod.value, deletionGracePeriodSeconds=0)
            if pod.status.get("phase") not in _OVER:
                value = {**value, "status": ended_status(pod, 137)}
            self._store.replace(pod, value)
        else:
            finish(self._store, pod)

    def _catch_up(self, container: Container) -> None:
        """Do what was asked of a container while its node could not be reached."""
        pod = self._store.get(kinds.POD, *container.key)
        if pod is None or pod.uid != container.uid:
            self._end_after(container, None)
        elif pod.deleting and container.ends_at is None:
            self._end_after(container, pod.meta["deletionGracePeriodSeconds"])
        elif not container.running and container.timer is None:
            self._start_soon(container)


def number_of(pod: Stored, annotation: str, default: float) -> float:
    """A number from 0 on in a pod's annotation; the default where there is none, or something else."""
    text = pod.annotations.get(annotation, "")
    return float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) else default
