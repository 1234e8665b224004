"""The rights that this backend needs in a cluster: what ``check`` asks about and what ``policy kubernetes`` prints.

One list for both, so that they cannot disagree. Derived from the requests that the modules beside this one make.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Need:
    """One resource and what must be allowed on it."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    why: str
    vital: bool = False
    """Without it no halt of a Deployment works; without the others some kinds or proofs do not."""
    cluster: bool = False
    """The resource has no namespace."""


SEE = ("get", "list", "watch")

NEEDS: tuple[Need, ...] = (
    Need("apps", "deployments", (*SEE, "patch"), "stop Deployments", vital=True),
    Need("", "pods", SEE, "prove that pods are gone", vital=True),
    Need("", "pods", ("delete",), "end pods without grace (profile force) and single instances"),
    Need("", "pods", ("create",), "put back a pod that no controller owns"),
    Need("apps", "statefulsets", (*SEE, "patch"), "stop StatefulSets"),
    Need("apps", "daemonsets", (*SEE, "patch"), "stop DaemonSets"),
    Need("apps", "replicasets", (*SEE, "patch"), "stop ReplicaSets, tell which pods are a Deployment's"),
    Need("batch", "cronjobs", (*SEE, "patch"), "suspend CronJobs"),
    Need("batch", "jobs", (*SEE, "patch"), "suspend Jobs"),
    Need("", "serviceaccounts", SEE, "tie workloads to their IAM roles"),
    Need("autoscaling", "horizontalpodautoscalers", ("get", "list", "patch"), "keep autoscalers from reviving"),
    Need("", "nodes", ("get", "list"), "tell pods on lost nodes from ended ones", cluster=True),
    Need("apiextensions.k8s.io", "customresourcedefinitions", ("get", "list"), "find custom workloads", cluster=True),
)
