"""Label and field selectors: the texts of ``labelSelector`` and ``fieldSelector``, and the selectors inside specs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from killswitch_backends.simulator.kubernetes.failures import bad_request
from killswitch_backends.simulator.kubernetes.kinds import Kind
from killswitch_backends.simulator.kubernetes.objects import Stored

Labels = Mapping[str, str]
LabelTest = Callable[[Labels], bool]
Matches = Callable[[Stored], bool]

_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?"
_KEY = re.compile(rf"({_NAME}/)?{_NAME}")
_SET_BASED = re.compile(r"(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUALITY = re.compile(r"(?P<key>[^=!\s]+)\s*(?P<op>==|=|!=)\s*(?P<value>\S*)")
_PARTS = re.compile(r",(?![^(]*\))")


def parse_labels(text: str) -> list[LabelTest]:
    """Read a label selector: ``a=b,c!=d,e in (f,g),h notin (i),j,!k``.

    Raises:
        ApiFailure: 400 for anything else.
    """
    return [_requirement(part.strip(), text) for part in _PARTS.split(text)] if text.strip() else []


def _requirement(part: str, whole: str) -> LabelTest:
    if found := _SET_BASED.fullmatch(part):
        key, values = _label_key(found["key"], whole), {value.strip() for value in found["values"].split(",")}
        if found["op"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := _EQUALITY.fullmatch(part):
        key, value = _label_key(found["key"], whole), _label_value(found["value"], whole)
        if found["op"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if part.startswith("!"):
        absent = _label_key(part[1:].strip(), whole)
        return lambda labels: absent not in labels
    present = _label_key(part, whole)
    return lambda labels: present in labels


def _label_key(key: str, whole: str) -> str:
    if not _KEY.fullmatch(key):
        raise bad_request(f"unable to parse requirement: invalid label key {key!r} in selector {whole!r}")
    return key


def _label_value(value: str, whole: str) -> str:
    if value and not re.fullmatch(_NAME, value):
        raise bad_request(f"unable to parse requirement: invalid label value {value!r} in selector {whole!r}")
    return value


def parse_fields(text: str, kind: Kind) -> list[Matches]:
    """Read a field selector: ``metadata.name=a,spec.nodeName!=b``.

    Raises:
        ApiFailure: 400 for a field this kind cannot select by, or for another syntax.
    """
    return [_field_test(part.strip(), kind) for part in text.split(",") if part.strip()]


def _field_test(part: str, kind: Kind) -> Matches:
    found = re.fullmatch(r"(?P<field>[^=!]+)(?P<op>==|=|!=)(?P<value>.*)", part)
    if not found:
        raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
    field, wanted, equal = found["field"], found["value"], found["op"] != "!="
    if field not in {"metadata.name", "metadata.namespace"} | kind.fields:
        raise bad_request(f'field label not supported: "{field}"')
    path = field.split(".")
    return lambda stored: (_field_value(stored.value, path) == wanted) is equal


def _field_value(value: Any, path: list[str]) -> str:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def matcher(labels: str, fields: str, kind: Kind) -> Matches | None:
    """What a request's two selectors ask of an object; None when they ask nothing."""
    label_tests, field_tests = parse_labels(labels), parse_fields(fields, kind)
    if not label_tests and not field_tests:
        return None

    def matches(stored: Stored) -> bool:
        found = stored.labels
        return all(test(found) for test in label_tests) and all(test(stored) for test in field_tests)

    return matches


def selects(selector: Mapping[str, Any], labels: Labels) -> bool:
    """Whether a spec's selector (``matchLabels``, ``matchExpressions``) selects these labels. Empty selects all."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(_expression_holds(expression, labels) for expression in selector.get("matchExpressions") or ())


def _expression_holds(expression: Mapping[str, Any], labels: Labels) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or []
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def written(selector: Mapping[str, Any]) -> str:
    """A spec's selector as a query would write it (``status.selector`` of a Scale)."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], ",".join(sorted(expression.get("values") or []))
        match expression["operator"]:
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(key)
            case _:
                parts.append(f"!{key}")
    return ",".join(parts)
