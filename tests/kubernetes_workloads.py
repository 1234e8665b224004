"""Workloads of every kind for tests, as plain manifests, and what to call them in a target id."""

from __future__ import annotations

from typing import Any

NAMESPACE = "payments"


def manifest(kind: str, name: str, **changes: Any) -> dict[str, Any]:
    """One agent of a kind, with a second of grace; ``changes`` go to its spec."""
    labels = {"agent": name, "agent-class": "refund", "agent-tenant": "acme"}
    template = {"metadata": {"labels": labels}, "spec": pod_spec()}
    selecting = {"selector": {"matchLabels": {"agent": name}}, "template": template}
    spec: dict[str, Any]
    match kind:
        case "Deployment" | "ReplicaSet" | "Rollout":
            spec = {"replicas": 2, **selecting}
        case "StatefulSet":
            spec = {"replicas": 2, "serviceName": name, **selecting}
        case "DaemonSet":
            spec = selecting
        case "Job":
            spec = {"parallelism": 2, "template": running_template(template)}
        case "CronJob":
            job = {"metadata": {"labels": labels}, "spec": {"template": running_template(template)}}
            spec = {"schedule": "0 0 1 1 *", "jobTemplate": job}
        case "Pod":
            spec = pod_spec()
        case "Sandbox":
            spec = {"podTemplate": template}
        case "InferenceService":
            spec = {"predictor": {"model": pod_spec()}}
        case "ScaledJob":
            spec = {"jobTargetRef": {"template": running_template(template)}}
        case _:
            spec = {}
    meta = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": API[kind], "kind": kind, "metadata": meta, "spec": {**spec, **changes}}


def pod_spec() -> dict[str, Any]:
    """A container that runs until it is ended, within a second."""
    container = {"name": "agent", "image": "registry.k8s.io/pause:3.10"}
    return {"containers": [container], "terminationGracePeriodSeconds": 1}


def running_template(template: dict[str, Any]) -> dict[str, Any]:
    """A Job's pod template, whose container goes on for as long as a test may take."""
    meta = {**template["metadata"], "annotations": {"simulator/run-seconds": "600"}}
    return {"metadata": meta, "spec": {**template["spec"], "restartPolicy": "Never"}}


API = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "Pod": "v1",
    "Rollout": "argoproj.io/v1alpha1",
    "Sandbox": "agents.x-k8s.io/v1beta1",
    "InferenceService": "serving.kserve.io/v1beta1",
    "Service": "serving.knative.dev/v1",
    "ScaledObject": "keda.sh/v1alpha1",
    "ScaledJob": "keda.sh/v1alpha1",
    "Application": "argoproj.io/v1alpha1",
    "Kustomization": "kustomize.toolkit.fluxcd.io/v1",
    "HelmRelease": "helm.toolkit.fluxcd.io/v2",
    "Agent": "kagent.dev/v1alpha2",
    "HorizontalPodAutoscaler": "autoscaling/v2",
}
_SCALED = ("Rollout",)


def plural(kind: str) -> str:
    return f"{kind.lower()}es" if kind.endswith("x") else f"{kind.lower()}s"


def path(kind: str, name: str = "", *, namespace: str = NAMESPACE) -> str:
    """Where objects of a kind are, or one of them."""
    api = API[kind]
    root = f"/apis/{api}" if "/" in api else f"/api/{api}"
    return f"{root}/namespaces/{namespace}/{plural(kind)}" + (f"/{name}" if name else "")


def definition(kind: str) -> dict[str, Any]:
    """The CustomResourceDefinition of a custom kind."""
    group, _, version = API[kind].partition("/")
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    subresources: dict[str, Any] = {"status": {}} | ({"scale": scale} if kind in _SCALED else {})
    loose = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    one = {"name": version, "served": True, "storage": True, "schema": loose, "subresources": subresources}
    names = {"kind": kind, "plural": plural(kind), "singular": kind.lower(), "listKind": f"{kind}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural(kind)}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [one]},
    }


DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
