"""The defaults a real API server fills in (k8s.io/kubernetes pkg/apis/*/v1/defaults.go), as far as agents use them."""

from __future__ import annotations

from collections.abc import Callable

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.kinds import Kind
from killswitch_backends.simulator.kubernetes.objects import JsonObject

_ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}


def _filled(value: JsonObject, defaults: JsonObject) -> JsonObject:
    """``value`` with absent and null members taken from ``defaults``; ``value`` itself when nothing is missing."""
    missing = {key: default for key, default in defaults.items() if value.get(key) is None}
    return {**value, **missing} if missing else value


_CONTAINER: JsonObject = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "imagePullPolicy": "IfNotPresent",
}
_POD: JsonObject = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}


def pod_spec(spec: JsonObject) -> JsonObject:
    """A pod's spec with its defaults."""
    containers = spec.get("containers")
    filled = _filled(spec, _POD)
    if isinstance(containers, list):
        completed = [_filled(one, _CONTAINER) if isinstance(one, dict) else one for one in containers]
        if any(new is not old for new, old in zip(completed, containers, strict=True)):
            filled = {**filled, "containers": completed}
    return filled


def _with_template(spec: JsonObject, defaults: JsonObject) -> JsonObject:
    filled = _filled(spec, defaults)
    template = filled.get("template")
    if isinstance(template, dict) and isinstance(template.get("spec"), dict):
        completed = pod_spec(template["spec"])
        if completed is not template["spec"]:
            filled = {**filled, "template": {**template, "spec": completed}}
    return filled


def _deployment(spec: JsonObject) -> JsonObject:
    defaults = {"replicas": 1, "strategy": _ROLLING, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}
    return _with_template(spec, defaults)


def _replica_set(spec: JsonObject) -> JsonObject:
    return _with_template(spec, {"replicas": 1})


def _stateful_set(spec: JsonObject) -> JsonObject:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    policies = {"podManagementPolicy": "OrderedReady", "updateStrategy": strategy, "revisionHistoryLimit": 10}
    return _with_template(spec, {"replicas": 1, "serviceName": "", **policies})


def _daemon_set(spec: JsonObject) -> JsonObject:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    return _with_template(spec, {"updateStrategy": strategy, "revisionHistoryLimit": 10})


def _job(spec: JsonObject) -> JsonObject:
    defaults: JsonObject = {"backoffLimit": 6, "suspend": False, "completionMode": "NonIndexed"}
    if spec.get("parallelism") is None and spec.get("completions") is None:
        defaults["completions"] = 1
    return _with_template(spec, {**defaults, "parallelism": 1})


def _cron_job(spec: JsonObject) -> JsonObject:
    filled = _filled(
        spec,
        {
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
        },
    )
    return filled


_DEFAULTS: dict[Kind, Callable[[JsonObject], JsonObject]] = {
    kinds.DEPLOYMENT: _deployment,
    kinds.REPLICA_SET: _replica_set,
    kinds.STATEFUL_SET: _stateful_set,
    kinds.DAEMON_SET: _daemon_set,
    kinds.JOB: _job,
    kinds.CRON_JOB: _cron_job,
    kinds.POD: lambda spec: pod_spec(_filled(spec, {"serviceAccountName": "default"})),
    kinds.AUTOSCALER: lambda spec: _filled(spec, {"minReplicas": 1}),
    kinds.NAMESPACE: lambda spec: _filled(spec, {"finalizers": ["kubernetes"]}),
}


def with_defaults(kind: Kind, value: JsonObject) -> JsonObject:
    """An object with the defaults of its kind filled in; the same object when nothing is missing."""
    fill = _DEFAULTS.get(kind)
    spec = value.get("spec")
    if fill is None:
        return value
    filled = fill(spec or {})
    return value if filled is spec else {**value, "spec": filled}
