"""The world at the start: nodes, namespaces, and for each agent a ServiceAccount and a Deployment with running pods.

Objects are made as the controllers and kubelets would leave them, and loaded without history, so that thousands of
agents stand at once. Structures that are equal are shared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.controllers.deployments import (
    HASH,
    REVISION,
    deployment_status,
    replica_set_for,
)
from killswitch_backends.simulator.kubernetes.controllers.pods import new_pod, template_hash
from killswitch_backends.simulator.kubernetes.controllers.replica_sets import replica_set_status
from killswitch_backends.simulator.kubernetes.defaults import with_defaults
from killswitch_backends.simulator.kubernetes.discovery import VERSION
from killswitch_backends.simulator.kubernetes.kinds import Kind
from killswitch_backends.simulator.kubernetes.kubelet import ROLE_ANNOTATION, Kubelet
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, name_suffix, new_uid, timestamp
from killswitch_backends.simulator.kubernetes.pod_status import running_status
from killswitch_backends.simulator.kubernetes.storage import Store
from killswitch_backends.simulator.seams import ACCOUNT, REGION, AgentSpec, Runtime

NODES = 3
_LEAST_GRACE = 1
"""With no grace at all an object goes before its container, as on a real cluster; agents are not seeded so."""
SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class Seeder:
    """Makes the world of one store."""

    def __init__(self, store: Store, kubelet: Kubelet, rng: Random) -> None:
        self._store, self._kubelet, self._rng = store, kubelet, rng
        self._now = timestamp()

    def seed(self, agents: Sequence[AgentSpec]) -> None:
        """Make the cluster, and everything of the agents that run on Kubernetes."""
        nodes = [self._node(f"node-{number}") for number in range(1, NODES + 1)]
        mine = [agent for agent in agents if agent.runtime is Runtime.KUBERNETES]
        for namespace in dict.fromkeys((*SYSTEM_NAMESPACES, *(agent.namespace for agent in mine))):
            self._namespace(namespace)
        for number, agent in enumerate(mine):
            self._agent(agent, [nodes[(number + turn) % len(nodes)].name for turn in range(agent.replicas)])

    def _load(self, kind: Kind, name: str, namespace: str = "", **content: JsonObject) -> Stored:
        """Load one object; ``labels`` and ``annotations`` of the content go to its metadata."""
        about: JsonObject = {field: content.pop(field) for field in ("labels", "annotations") if field in content}
        meta: JsonObject = {
            "name": name,
            **({"namespace": namespace} if namespace else {}),
            "uid": new_uid(self._rng),
            **({"generation": 1} if kind.generation else {}),
            "creationTimestamp": self._now,
            **about,
        }
        return self._store.load(kind, with_defaults(kind, {"metadata": meta, **content}))

    def _node(self, name: str) -> Stored:
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
            "lastHeartbeatTime": self._now,
            "lastTransitionTime": self._now,
        }
        info = {
            "architecture": "amd64",
            "bootID": name,
            "containerRuntimeVersion": "containerd://2.1.0",
            "kernelVersion": "6.12.0",
            "kubeProxyVersion": "",
            "kubeletVersion": VERSION["gitVersion"],
            "machineID": name,
            "operatingSystem": "linux",
            "osImage": "simulated",
            "systemUUID": name,
        }
        room = {"cpu": "64", "memory": "256Gi", "pods": "10000"}
        addresses = [{"type": "Hostname", "address": name}]
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "topology.kubernetes.io/zone": f"{REGION}{name[-1]}",
        }
        status = {
            "conditions": [ready],
            "nodeInfo": info,
            "capacity": room,
            "allocatable": room,
            "addresses": addresses,
        }
        return self._load(kinds.NODE, name, labels=labels, spec={}, status=status)

    def _namespace(self, name: str) -> None:
        labels = {"kubernetes.io/metadata.name": name}
        spec = {"finalizers": ["kubernetes"]}
        self._load(kinds.NAMESPACE, name, labels=labels, spec=spec, status={"phase": "Active"})
        self._load(kinds.SERVICE_ACCOUNT, "default", name)

    def _agent(self, agent: AgentSpec, nodes: Sequence[str]) -> None:
        labels = {"agent": agent.name, "agent-class": agent.agent_class, "agent-tenant": agent.tenant}
        role = {ROLE_ANNOTATION: f"arn:aws:iam::{ACCOUNT}:role/agents/{agent.role}"} if agent.role else {}
        account: JsonObject = {"labels": labels, "annotations": role} if role else {"labels": labels}
        self._load(kinds.SERVICE_ACCOUNT, agent.name, agent.namespace, **account)
        deployment = self._deployment(agent, labels)
        wanted = template_hash(deployment.spec["template"])
        replica_set = self._replica_set(deployment, wanted)
        pods = [self._pod(replica_set, node) for node in nodes]
        self._complete(deployment, replica_set, pods, wanted)

    def _deployment(self, agent: AgentSpec, labels: dict[str, str]) -> Stored:
        template = {
            "metadata": {"labels": labels},
            "spec": {
                "serviceAccountName": agent.name,
                "terminationGracePeriodSeconds": max(_LEAST_GRACE, math.ceil(agent.grace)),
                "containers": [{"name": "agent", "image": f"registry.example/agents/{agent.agent_class}:1"}],
            },
        }
        selector = {"matchLabels": {"agent": agent.name}}
        spec = {"replicas": agent.replicas, "selector": selector, "template": template}
        return self._load(
            kinds.DEPLOYMENT, agent.name, agent.namespace, labels=labels, annotations={REVISION: "1"}, spec=spec
        )

    def _replica_set(self, deployment: Stored, wanted: str) -> Stored:
        replicas = deployment.spec["replicas"]
        value = replica_set_for(deployment, wanted, 1, replicas=replicas, uid=new_uid(self._rng))
        return self._store.load(kinds.REPLICA_SET, value)

    def _pod(self, replica_set: Stored, node: str) -> Stored:
        value = new_pod(replica_set, f"{replica_set.name}-{name_suffix(self._rng)}", self._rng, node=node)
        uid = value["metadata"]["uid"]
        value["status"] = running_status(value["spec"], uid, self._kubelet.address(), self._now)
        pod = self._store.load(kinds.POD, value)
        self._kubelet.adopt(pod)
        return pod

    def _complete(self, deployment: Stored, replica_set: Stored, pods: list[Stored], wanted: str) -> None:
        """Write the statuses that the controllers would have written."""
        status = replica_set_status(replica_set, pods)
        replica_set = self._store.load(kinds.REPLICA_SET, {**replica_set.value, "status": status})
        if replica_set.labels[HASH] != wanted:
            raise AssertionError("a seeded ReplicaSet is not of its Deployment's template")
        status = deployment_status(deployment, [replica_set], wanted)
        self._store.load(kinds.DEPLOYMENT, {**deployment.value, "status": status})
