"""AWS's answers held against the SDK's own description of them, where they come in.

botocore hands on whatever JSON says: a reservation of ``false`` equals 0, a text has no ``get``. What is not of the
type that the service model promises is no answer; what is missing is told when somebody needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from killswitch_backends.outside import parsed
from killswitch_backends.problems import Unreachable

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.model import OperationModel, Shape

_JSON = ("json", "rest-json")
_SCALARS: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "character": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "bigdecimal": (int, float),
    "boolean": bool,
    "timestamp": datetime,
}


class Told(dict[str, Any]):
    """An answer, or a part of one. Asking it for what is missing raises ``Unreachable``."""

    def __init__(self, found: Mapping[str, Any], where: str) -> None:
        super().__init__({key: told(value, where) for key, value in found.items()})
        self._where = where

    def __missing__(self, key: str) -> Any:
        raise Unreachable(self._where, f"AWS answered without {key}")


def told(value: Any, where: str) -> Any:
    """A value of an answer, with every part of it a ``Told``."""
    if isinstance(value, dict):
        return Told(value, where)
    return [told(one, where) for one in value] if isinstance(value, list) else value


def check_answers(client: BaseClient) -> None:
    """Have every answer of a client checked before anybody sees it.

    JSON is checked as it came: botocore's parsers make a 0 of ``false``, of ``"0"`` and of ``0.5``.
    """
    client.meta.events.register("before-parse", _check_json)
    client.meta.events.register("after-call", _check_parsed)


def _check_json(operation_model: OperationModel, response_dict: Mapping[str, Any], **_: Any) -> None:
    shape = operation_model.output_shape
    if response_dict["status_code"] >= 300 or shape is None or "payload" in shape.serialization:
        return
    if operation_model.service_model.resolved_protocol in _JSON and (body := response_dict["body"]):
        _refuse(operation_model, _wrong(parsed(body), shape, "", raw=True))


def _check_parsed(http_response: Any, parsed: Any, model: OperationModel, **_: Any) -> None:
    if http_response.status_code < 300 and model.output_shape is not None:
        _refuse(model, _wrong(parsed, model.output_shape, ""))


def _refuse(model: OperationModel, why: str) -> None:
    from botocore.parsers import ResponseParserError

    if why:
        raise ResponseParserError(f"{model.name}: {why}")


def _wrong(value: Any, shape: Shape, place: str, *, raw: bool = False) -> str:
    """What of a value is not of its shape; empty: nothing. ``raw``: as JSON has it, where null stands for absent."""
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            members: Mapping[str, Shape] = shape.members  # type: ignore[attr-defined]
            named = ((one.serialization.get("name", key) if raw else key, one) for key, one in members.items())
            known = [(key, one) for key, one in named if value.get(key) is not None]
            return _first(_wrong(value[key], one, f"{place}.{key}", raw=raw) for key, one in known)
        case "list" if isinstance(value, list):
            return _first(_wrong(one, shape.member, place, raw=raw) for one in value)  # type: ignore[attr-defined]
        case "map" if isinstance(value, dict):
            inner: Shape = shape.value  # type: ignore[attr-defined]
            return _first(_wrong(one, inner, place, raw=raw) for one in value.values())
        case "blob":
            return ""
        case "timestamp" if raw and isinstance(value, int | float | str):
            return ""
        case "string" if not raw and shape.name == "policyDocumentType":
            return ""  # botocore has decoded it already, and whoever reads it looks for himself what it is
        case name if name in _SCALARS and _is_a(value, name):
            return ""
    return f"{place} is no {shape.type_name}"


def _is_a(value: Any, name: str) -> bool:
    if name == "timestamp":  # without its zone it cannot be held against any other
        return isinstance(value, datetime) and value.tzinfo is not None
    return isinstance(value, _SCALARS[name]) and (name == "boolean" or not isinstance(value, bool))


def _first(found: Any) -> str:
    return next((one for one in found if one), "")
