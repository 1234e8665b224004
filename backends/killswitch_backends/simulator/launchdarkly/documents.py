"""JSON patch and JSON merge patch on a flag's own representation, for people's scripts.

The document is what ``GET`` shows; fields that begin with an underscore cannot be edited.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import cast

from killswitch_backends.simulator.launchdarkly.failures import InvalidRequest
from killswitch_backends.simulator.launchdarkly.flags import Flag, Json
from killswitch_backends.simulator.launchdarkly.rendering import rest_flag

_Kind = type | tuple[type, ...]

_FLAG_FIELDS: dict[str, tuple[str, _Kind]] = {
    "name": ("name", str),
    "description": ("description", str),
    "tags": ("tags", list),
    "archived": ("archived", bool),
    "deprecated": ("deprecated", bool),
    "temporary": ("temporary", bool),
    "customProperties": ("custom_properties", dict),
    "variations": ("variations", list),
}
_TARGETING_FIELDS: dict[str, tuple[str, _Kind]] = {
    "on": ("on", bool),
    "fallthrough": ("fallthrough", dict),
    "rules": ("rules", list),
    "targets": ("targets", list),
    "contextTargets": ("context_targets", list),
    "prerequisites": ("prerequisites", list),
    "offVariation": ("off_variation", (int, type(None))),
    "trackEvents": ("track_events", bool),
}


def patched(document: Json, operations: object) -> Json:
    """A JSON document after a JSON patch (RFC 6902: add, replace, remove, test).

    Raises:
        InvalidRequest: for an operation that cannot be understood or a test that fails; nothing is changed then.
    """
    if not isinstance(operations, list):
        raise InvalidRequest("expected a JSON patch: an array of operations")
    document = copy.deepcopy(document)
    for operation in operations:
        if not isinstance(operation, Mapping) or not str(operation.get("path", "")).startswith("/"):
            raise InvalidRequest("each operation of a JSON patch needs op and path")
        _operate(document, operation)
    return document


def merged(document: Json, changes: object) -> Json:
    """A JSON document after a JSON merge patch (RFC 7386)."""
    if not isinstance(changes, Mapping):
        return changes
    result = dict(document) if isinstance(document, Mapping) else {}
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def adopt(flag: Flag, document: Json) -> None:
    """Write the editable fields of a patched representation onto a draft.

    Raises:
        InvalidRequest: for a field of the wrong type.
    """
    for name, (attribute, kind) in _FLAG_FIELDS.items():
        _adopt(flag, attribute, document.get(name), kind, name)
    for environment, targeting in flag.environments.items():
        fields = document.get("environments", {}).get(environment, {})
        for name, (attribute, kind) in _TARGETING_FIELDS.items():
            _adopt(targeting, attribute, fields.get(name), kind, f"environments/{environment}/{name}")


def representation(flag: Flag) -> Json:
    """The document that these patches work on."""
    return copy.deepcopy(rest_flag(flag, environments=tuple(flag.environments)))


def _adopt(target: object, attribute: str, value: Json, kind: _Kind, path: str) -> None:
    if not isinstance(value, kind):
        raise InvalidRequest(f"/{path}: {value!r} is not valid here")
    setattr(target, attribute, value)


def _operate(document: Json, operation: Mapping[str, Json]) -> None:
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"][1:].split("/")]
    if last.startswith("_"):
        raise InvalidRequest(f"{operation['path']} cannot be edited")
    container = document
    try:
        for part in parents:
            container = container[int(part)] if isinstance(container, list) else container[part]
        _change(container, last, operation)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise InvalidRequest(f"{operation['path']} does not exist") from error


def _change(container: Json, last: str, operation: Mapping[str, Json]) -> None:
    index: Json = last
    if isinstance(container, list):
        index = len(container) if last == "-" else int(last)
    match operation.get("op"):
        case "add" if isinstance(container, list):
            container.insert(cast("int", index), operation["value"])
        case "replace":
            _ = container[index]  # a path that does not exist is an error
            container[index] = operation["value"]
        case "add":
            container[index] = operation["value"]
        case "remove":
            del container[index]
        case "test":
            if container[index] != operation["value"]:
                raise InvalidRequest(f"test failed: {operation['path']}")
        case other:
            raise InvalidRequest(f"unknown op {other!r}")
