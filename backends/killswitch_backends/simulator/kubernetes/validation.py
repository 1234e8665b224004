"""What the API server refuses of an object's content: ranges and immutable fields, as far as agents use them."""

from __future__ import annotations

import re
from typing import Any

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.failures import invalid
from killswitch_backends.simulator.kubernetes.kinds import Kind
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored
from killswitch_backends.simulator.kubernetes.selectors import selects

Cause = tuple[str, str, str]

_DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_COUNTS = ("replicas", "parallelism", "completions", "backoffLimit", "minReadySeconds", "revisionHistoryLimit")
_IMMUTABLE = {
    kinds.DEPLOYMENT: ("selector",),
    kinds.REPLICA_SET: ("selector",),
    kinds.DAEMON_SET: ("selector",),
    kinds.STATEFUL_SET: ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"),
    kinds.JOB: ("selector", "template", "completionMode"),
}
_WITH_TEMPLATE = frozenset({kinds.DEPLOYMENT, kinds.REPLICA_SET, kinds.STATEFUL_SET, kinds.DAEMON_SET, kinds.JOB})


def check_new(kind: Kind, value: JsonObject) -> None:
    """Refuse an invalid new object. Raises a 422 ``ApiFailure``."""
    name = value["metadata"]["name"]
    causes = _ranges(value.get("spec") or {}) if not kind.custom else []
    if len(name) > 253 or not _DNS_NAME.fullmatch(name):
        causes.append(
            (
                "metadata.name",
                "FieldValueInvalid",
                f'Invalid value: "{name}": a lowercase RFC 1123 subdomain is letters, digits, "-" and "."',
            )
        )
    if kind in _WITH_TEMPLATE:
        causes += _template(kind, value.get("spec") or {})
    if kind is kinds.POD and not (value.get("spec") or {}).get("containers"):
        causes.append(("spec.containers", "FieldValueRequired", "Required value"))
    if kind is kinds.DEFINITION:
        causes += _definition(name, value.get("spec") or {})
    if kind is kinds.CRON_JOB:
        causes += _cron_job(value.get("spec") or {})
    if causes:
        raise invalid(kind, name, *causes)


def check_change(kind: Kind, old: Stored, new: JsonObject) -> None:
    """Refuse an invalid new version. Raises a 422 ``ApiFailure``."""
    before, after = old.spec, new.get("spec") or {}
    if before is after or before == after or kind.custom:
        return
    causes = _ranges(after)
    for field in _IMMUTABLE.get(kind, ()):
        if before.get(field) != after.get(field):
            causes.append((f"spec.{field}", "FieldValueInvalid", "Invalid value: field is immutable"))
    if kind is kinds.POD and _pod_identity(before) != _pod_identity(after):
        causes.append(
            (
                "spec",
                "FieldValueForbidden",
                "Forbidden: pod updates may not change fields other than `spec.containers[*].image` and a few more",
            )
        )
    if kind in _WITH_TEMPLATE and not causes:
        causes += _template(kind, after)
    if kind is kinds.CRON_JOB:
        causes += _cron_job(after)
    if kind is kinds.DEFINITION:
        causes += _definition(old.name, after)
    if causes:
        raise invalid(kind, old.name, *causes)


def _ranges(spec: JsonObject) -> list[Cause]:
    return [
        (f"spec.{field}", "FieldValueInvalid", f"Invalid value: {spec[field]}: must be greater than or equal to 0")
        for field in _COUNTS
        if isinstance(spec.get(field), int) and spec[field] < 0
    ]


def _template(kind: Kind, spec: JsonObject) -> list[Cause]:
    template = spec.get("template") or {}
    causes: list[Cause] = []
    if not (template.get("spec") or {}).get("containers"):
        causes.append(("spec.template.spec.containers", "FieldValueRequired", "Required value"))
    if kind is kinds.JOB:
        return causes
    selector = spec.get("selector")
    if not selector:
        causes.append(("spec.selector", "FieldValueRequired", "Required value"))
    elif not selects(selector, (template.get("metadata") or {}).get("labels") or {}):
        message = "Invalid value: `selector` does not match template `labels`"
        causes.append(("spec.template.metadata.labels", "FieldValueInvalid", message))
    return causes


def _cron_job(spec: JsonObject) -> list[Cause]:
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    causes = [(f"spec.jobTemplate.{field}", reason, message) for field, reason, message in _template(kinds.JOB, job)]
    if len(str(spec.get("schedule") or "").split()) != 5 and not str(spec.get("schedule")).startswith("@"):
        causes.append(("spec.schedule", "FieldValueInvalid", "Invalid value: not a cron schedule"))
    return causes


def _definition(name: str, spec: JsonObject) -> list[Cause]:
    """What a CustomResourceDefinition must say to be served."""
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    required = {"group": spec.get("group"), "scope": spec.get("scope"), "versions": versions}
    required |= {f"names.{field}": names.get(field) for field in ("kind", "plural")}
    causes = [
        (f"spec.{field}", "FieldValueRequired", "Required value") for field, found in required.items() if not found
    ]
    if sum(1 for version in versions if version.get("storage")) != 1:
        causes.append(("spec.versions", "FieldValueInvalid", "must have exactly one version marked as storage version"))
    if not causes and name != f"{names['plural']}.{spec['group']}":
        causes.append(("metadata.name", "FieldValueInvalid", f'must be "{names["plural"]}.{spec["group"]}"'))
    return causes


def _pod_identity(spec: JsonObject) -> dict[str, Any]:
    """The part of a pod's spec that may not change."""
    fixed = {key: one for key, one in spec.items() if key not in ("activeDeadlineSeconds", "tolerations")}
    fixed["containers"] = [
        {key: one for key, one in container.items() if key != "image"} for container in spec.get("containers") or ()
    ]
    return fixed
