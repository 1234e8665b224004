"""The rights that this backend needs in a cluster: what ``check`` asks about and what ``policy kubernetes`` prints.

One list for both, so that they cannot disagree; a test compares it with the requests that were really made. Rights that
every authenticated user has (discovery, reviews of oneself) are left out.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Need:
    """One resource and what must be allowed on it."""

    group: str
    resource: str
    """With its subresource, if that is what is meant: ``deployments/scale``."""
    verbs: tuple[str, ...]
    why: str
    vital: bool = False
    """Without it no halt of a Deployment works; without the others some kinds or proofs do not."""
    cluster: bool = False
    """The resource has no namespace."""
    custom: bool = False
    """The resource exists only where something was installed: where it is not, nobody misses the right."""

    @property
    def read_only(self) -> bool:
        """Whether it changes nothing."""
        return set(self.verbs) <= set(SEE)


SEE = ("get", "list", "watch")


def _workloads(group: str, resource: str, why: str, *, vital: bool = False, custom: bool = False) -> tuple[Need, ...]:
    """To see workloads, and to change them."""
    return (
        Need(group, resource, SEE, f"see and prove {resource}", vital=vital, custom=custom),
        Need(group, resource, ("patch",), why, vital=vital, custom=custom),
    )


def _reviver(group: str, resource: str, *looking: str) -> tuple[Need, ...]:
    """To find what would revive a workload, and to hold it."""
    return (
        Need(group, resource, looking, f"tell which {resource} would revive a workload", custom="." in group),
        Need(group, resource, ("patch",), f"keep {resource} from reviving a workload", custom="." in group),
    )


NEEDS: tuple[Need, ...] = (
    *_workloads("apps", "deployments", "stop Deployments", vital=True),
    Need("", "pods", SEE, "prove that pods are gone", vital=True),
    Need("", "pods", ("delete", "patch"), "end pods without grace (profile force) and single instances"),
    Need("", "pods", ("create",), "put back a pod that no controller owns"),
    Need("", "resourcequotas", ("list",), "tell before a restore whether pods have room"),
    *_workloads("apps", "statefulsets", "stop StatefulSets"),
    *_workloads("apps", "daemonsets", "stop DaemonSets"),
    *_workloads("apps", "replicasets", "stop ReplicaSets"),
    *_workloads("batch", "cronjobs", "suspend CronJobs"),
    *_workloads("batch", "jobs", "suspend Jobs"),
    Need("", "serviceaccounts", ("list", "watch"), "tie workloads to their IAM roles"),
    *_reviver("autoscaling", "horizontalpodautoscalers", "get", "list"),
    Need("", "nodes", ("get", "list"), "tell pods on lost nodes from ended ones", cluster=True),
    Need("apiextensions.k8s.io", "customresourcedefinitions", ("get",), "find custom workloads", cluster=True),
    *_workloads("argoproj.io", "rollouts", "stop Argo Rollouts", custom=True),
    *_workloads("agents.x-k8s.io", "sandboxes", "suspend Agent Sandboxes", custom=True),
    *_workloads("serving.kserve.io", "inferenceservices", "stop KServe services", custom=True),
    *_workloads("keda.sh", "scaledjobs", "pause KEDA ScaledJobs", custom=True),
    Need("serving.knative.dev", "services", ("list", "watch"), "tell what cannot be stopped", custom=True),
    *_reviver("keda.sh", "scaledobjects", "get", "list"),
    *_reviver("argoproj.io", "applications", "get"),
    *_reviver("kustomize.toolkit.fluxcd.io", "kustomizations", "get"),
    *_reviver("helm.toolkit.fluxcd.io", "helmreleases", "get"),
    *_reviver("kagent.dev", "agents", "get"),
)
