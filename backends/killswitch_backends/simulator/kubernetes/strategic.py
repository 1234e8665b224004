"""Strategic merge patch: a merge patch that knows which lists are maps in disguise, and by which key they merge.

The keys are the ``patchMergeKey`` tags of k8s.io/api. A list not named here is atomic, as there: ``tolerations``,
``envFrom`` and ``args`` are replaced whole.
"""

from __future__ import annotations

from typing import Any

from killswitch_backends.simulator.kubernetes.failures import bad_request
from killswitch_backends.simulator.kubernetes.patches import same

MERGE_KEYS = {
    "addresses": "type",
    "conditions": "type",
    "containers": "name",
    "env": "name",
    "ephemeralContainers": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "podIPs": "ip",
    "ports": "containerPort",
    "resourceClaims": "name",
    "secrets": "name",
    "topologySpreadConstraints": "topologyKey",
    "volumeDevices": "devicePath",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
PRIMITIVE_SETS = frozenset({"finalizers", "podCIDRs"})
_MAPS_OF_STRINGS = frozenset({"labels", "annotations", "matchLabels", "nodeSelector", "data", "stringData"})


def strategic_merge(target: Any, patch: Any) -> Any:
    """Apply a strategic merge patch to an object; builds new values along the changed paths only.

    Raises:
        ApiFailure: 400 for a directive that is not understood or an item without its merge key.
    """
    if not isinstance(patch, dict):
        raise bad_request("a strategic merge patch is a JSON object")
    merged = _merge_object(target if isinstance(target, dict) else {}, patch)
    return {} if merged is None else merged


def _merge_object(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any] | None:
    """The merged object, or None when the patch deletes it."""
    directive = patch.get("$patch", "merge")
    if directive == "delete":
        return None
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if directive != "merge":
        raise bad_request(f"unknown patch type {directive!r}: must be merge, replace or delete")
    merged = dict(target)
    for key, value in patch.items():
        if not key.startswith("$"):
            _merge_member(merged, key, value)
    _apply_directives(merged, patch)
    return merged


def _merge_member(merged: dict[str, Any], key: str, value: Any) -> None:
    old = merged.get(key)
    if value is None:
        merged.pop(key, None)
    elif isinstance(value, dict):
        base = old if isinstance(old, dict) else {}
        result = _merge_strings(base, value) if key in _MAPS_OF_STRINGS else _merge_object(base, value)
        if result is None:
            merged.pop(key, None)
        else:
            merged[key] = result
    elif isinstance(value, list) and key in MERGE_KEYS:
        merged[key] = _merge_list(old if isinstance(old, list) else [], value, _key_of(key, value))
    elif isinstance(value, list) and key in PRIMITIVE_SETS:
        before = old if isinstance(old, list) else []
        merged[key] = before + [item for item in value if not any(same(item, had) for had in before)]
    else:
        merged[key] = value


def _merge_strings(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Merge a map whose members are data: a label may be called ``env``, but not ``$patch``."""
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    merged = {**target, **{key: value for key, value in patch.items() if key != "$patch"}}
    return {key: value for key, value in merged.items() if value is not None}


def _key_of(field: str, items: list[Any]) -> str:
    """The merge key of a list; a Service's ports merge by ``port``, a container's by ``containerPort``."""
    if field == "ports" and any(isinstance(item, dict) and "port" in item for item in items):
        return "port"
    return MERGE_KEYS[field]


def _merge_list(target: list[Any], patch: list[Any], key: str) -> list[Any]:
    """Merge a list of objects by key: known items merge in place, new ones come last."""
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if not (isinstance(item, dict) and "$patch" in item)]
    merged = list(target)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item!r} does not contain declared merge key: {key}")
        place = next((i for i, had in enumerate(merged) if isinstance(had, dict) and had.get(key) == item[key]), None)
        result = _merge_object({} if place is None else merged[place], item)
        if place is None:
            merged += [] if result is None else [result]
        elif result is None:
            del merged[place]
        else:
            merged[place] = result
    return merged


def _apply_directives(merged: dict[str, Any], patch: dict[str, Any]) -> None:
    for directive, value in patch.items():
        if directive == "$retainKeys":
            for key in [key for key in merged if key not in value]:
                del merged[key]
        elif directive.startswith("$deleteFromPrimitiveList/"):
            field = directive.partition("/")[2]
            merged[field] = [item for item in merged.get(field) or [] if item not in value]
        elif directive.startswith("$setElementOrder/"):
            field = directive.partition("/")[2]
            if isinstance(merged.get(field), list):
                merged[field] = _in_order(merged[field], value, field)
        elif directive.startswith("$") and directive != "$patch":
            raise bad_request(f"unknown directive {directive!r} in a strategic merge patch")


def _in_order(items: list[Any], order: list[Any], field: str) -> list[Any]:
    """Items in the wanted order; those the order does not name keep their place at the end."""
    key = MERGE_KEYS.get(field)

    def place(item: Any) -> int:
        wanted = {key: item.get(key)} if key and isinstance(item, dict) else item
        return order.index(wanted) if wanted in order else len(order)

    return sorted(items, key=place)
