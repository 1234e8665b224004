"""The Kubernetes platform of the simulator, put together: store, API server, controllers, scheduler, kubelets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from aiohttp import web

from killswitch_backends.simulator.kubernetes.access import TOKEN, Access
from killswitch_backends.simulator.kubernetes.auditing import AuditLog
from killswitch_backends.simulator.kubernetes.controllers.autoscalers import autoscalers
from killswitch_backends.simulator.kubernetes.controllers.cron_jobs import CronJobController
from killswitch_backends.simulator.kubernetes.controllers.custom_workloads import CustomWorkloads
from killswitch_backends.simulator.kubernetes.controllers.daemon_sets import DaemonSetController
from killswitch_backends.simulator.kubernetes.controllers.deployments import DeploymentController
from killswitch_backends.simulator.kubernetes.controllers.garbage import GarbageCollector
from killswitch_backends.simulator.kubernetes.controllers.jobs import JobController
from killswitch_backends.simulator.kubernetes.controllers.manager import Controller, Manager, Pace
from killswitch_backends.simulator.kubernetes.controllers.namespaces import NamespaceController
from killswitch_backends.simulator.kubernetes.controllers.replica_sets import ReplicaSetController
from killswitch_backends.simulator.kubernetes.controllers.stateful_sets import StatefulSetController
from killswitch_backends.simulator.kubernetes.controllers.tools import tools
from killswitch_backends.simulator.kubernetes.custom_resources import DefinitionController
from killswitch_backends.simulator.kubernetes.kinds import Kinds
from killswitch_backends.simulator.kubernetes.kubelet import Kubelet
from killswitch_backends.simulator.kubernetes.objects_api import ObjectsApi
from killswitch_backends.simulator.kubernetes.scheduler import Scheduler
from killswitch_backends.simulator.kubernetes.seeding import Seeder
from killswitch_backends.simulator.kubernetes.server import ApiServer
from killswitch_backends.simulator.kubernetes.storage import HISTORY, Store
from killswitch_backends.simulator.seams import Acting, AgentSpec, Faults

PREFIX = "/kubernetes"
BOOKMARK_EVERY = 10.0


class KubernetesFace:
    """See ``Face``.

    Args:
        acting: hears which pods' containers run.
        faults: where every request passes.
        rng: all randomness: names, uids, starting and ending times.
        token: the bearer token that is accepted.
        pace: how fast the controllers work.
        history: changes of each kind that a watch can resume over.
        bookmark_every: seconds between two bookmarks of a quiet watch.
        audit_log: the file to log changes to; None logs none.
    """

    prefix = PREFIX

    def __init__(
        self,
        *,
        acting: Acting,
        faults: Faults,
        rng: Random,
        token: str = TOKEN,
        pace: Pace | None = None,
        history: int = HISTORY,
        bookmark_every: float = BOOKMARK_EVERY,
        audit_log: Path | None = None,
    ) -> None:
        self.store = Store(history=history)
        self.kinds = Kinds.built_in()
        self.access = Access(token=token)
        self._rng = rng
        self._kubelet = Kubelet(self.store, acting, rng)
        controllers: tuple[Controller, ...] = (
            Scheduler(self.store),
            DeploymentController(self.store, rng),
            ReplicaSetController(self.store, rng),
            StatefulSetController(self.store, rng),
            DaemonSetController(self.store, rng),
            JobController(self.store, rng),
            CronJobController(self.store, rng),
            GarbageCollector(self.store, self.kinds),
            NamespaceController(self.store, self.kinds, rng),
            DefinitionController(self.store, self.kinds),
            CustomWorkloads(self.store, self.kinds, rng),
            *autoscalers(self.store, self.kinds),
            *tools(self.store, self.kinds),
        )
        server = self._server = ApiServer(
            prefix=PREFIX,
            store=self.store,
            kinds=self.kinds,
            access=self.access,
            objects=ObjectsApi(self.store, rng),
            faults=faults,
            bookmark_every=bookmark_every,
            audit=AuditLog(audit_log),
        )
        self._manager = Manager(self.store, controllers, pace or Pace(), requests=lambda: server.changes)
        self.store.subscribe(self._kubelet.hear)

    def application(self) -> web.Application:
        """See ``Face``."""
        return self._server.application()

    def seed(self, agents: Sequence[AgentSpec]) -> None:
        """See ``Face``."""
        Seeder(self.store, self._kubelet, self._rng).seed(agents)

    async def run(self) -> None:
        """See ``Face``: run the controllers."""
        await self._manager.run()
