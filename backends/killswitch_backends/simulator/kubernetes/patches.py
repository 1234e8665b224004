"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902) as the API server applies them.

Both build a new value along the changed path and never touch the old one, whose parts they share.
"""

from __future__ import annotations

from typing import Any

from killswitch_backends.simulator.kubernetes.failures import bad_request, patch_rejected

_ABSENT = object()


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply an RFC 7386 merge patch: objects merge, null deletes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values: unlike Python's, ``true`` is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def json_patch(target: Any, operations: Any) -> Any:
    """Apply an RFC 6902 patch, all of it or nothing.

    As in the real server's library, a ``test`` for null also holds where an object lacks the member.

    Raises:
        ApiFailure: 400 for what is no patch, 422 when an operation does not apply or a test fails.
    """
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise bad_request("a JSON patch is an array of objects")
    for operation in operations:
        target = _operate(target, operation)
    return target


def _operate(target: Any, operation: dict[str, Any]) -> Any:
    path = _pointer(operation.get("path"))
    match operation.get("op"):
        case "test":
            if not same(_value_to_test(target, path), operation.get("value")):
                raise patch_rejected()
            return target
        case "add":
            return _edited(target, path, _given(operation), insert=True)
        case "replace":
            _found(target, path)
            return _edited(target, path, _given(operation), insert=False)
        case "remove":
            _found(target, path)
            return _edited(target, path, _ABSENT, insert=False)
        case "move":
            origin = _pointer(operation.get("from"))
            moved = _found(target, origin)
            if path[: len(origin)] == origin and len(path) > len(origin):
                raise patch_rejected()
            return _edited(_edited(target, origin, _ABSENT, insert=False), path, moved, insert=True)
        case "copy":
            return _edited(target, path, _found(target, _pointer(operation.get("from"))), insert=True)
        case other:
            raise bad_request(f"unexpected kind of JSON patch operation: {other!r}")


def _given(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise patch_rejected()
    return operation["value"]


def _pointer(text: Any) -> list[str]:
    """The steps of a JSON pointer (RFC 6901)."""
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise bad_request(f"{text!r} is not a JSON pointer")
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]


def _index(step: str, length: int) -> int:
    """An array index below ``length``."""
    if not (step.isascii() and step.isdigit()) or (len(step) > 1 and step[0] == "0") or int(step) >= length:
        raise patch_rejected()
    return int(step)


def _found(target: Any, path: list[str]) -> Any:
    for step in path:
        if isinstance(target, dict) and step in target:
            target = target[step]
        elif isinstance(target, list):
            target = target[_index(step, len(target))]
        else:
            raise patch_rejected()
    return target


def _value_to_test(target: Any, path: list[str]) -> Any:
    if not path:
        return target
    parent = _found(target, path[:-1])
    if isinstance(parent, dict):
        return parent.get(path[-1])
    return _found(parent, path[-1:])


def _edited(target: Any, path: list[str], value: Any, *, insert: bool) -> Any:
    """``target`` with the place at ``path`` set (``insert``: an array shifts), or removed if ``value`` is _ABSENT."""
    if not path:
        return None if value is _ABSENT else value
    step, rest = path[0], path[1:]
    if isinstance(target, dict):
        return _edited_object(target, step, rest, value, insert=insert)
    if isinstance(target, list):
        return _edited_array(target, step, rest, value, insert=insert)
    raise patch_rejected()


def _edited_object(target: dict[str, Any], step: str, rest: list[str], value: Any, *, insert: bool) -> Any:
    if rest:
        if step not in target:
            raise patch_rejected()
        return {**target, step: _edited(target[step], rest, value, insert=insert)}
    edited = dict(target)
    if value is _ABSENT:
        del edited[step]
    else:
        edited[step] = value
    return edited


def _edited_array(target: list[Any], step: str, rest: list[str], value: Any, *, insert: bool) -> Any:
    edited = list(target)
    if rest:
        index = _index(step, len(target))
        edited[index] = _edited(target[index], rest, value, insert=insert)
    elif value is _ABSENT:
        del edited[_index(step, len(target))]
    elif insert:
        edited.insert(len(target) if step == "-" else _index(step, len(target) + 1), value)
    else:
        edited[_index(step, len(target))] = value
    return edited
