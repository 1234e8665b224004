"""Whether an object of the API server has the shape that the API promises, as far as anything here relies on it. Pure.

What does not is told as unreadable, and is never taken for absent: a pod without a readable owner is nobody's pod, and
a list without ``items`` is an empty one, so either would make an agent look stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from killswitch_backends.kubernetes.records import moment

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?")
"""Wider than the API allows for any kind that is read here."""
_MOST_WHOLE = 2**63
_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


@dataclass(frozen=True, slots=True)
class Broken:
    """One object that cannot be read: where it says that it is (None: it does not say), and what is wrong."""

    place: tuple[str, str] | None
    why: str

    def __str__(self) -> str:
        return f"{'/'.join(filter(None, self.place))}: {self.why}" if self.place else self.why


def broken(item: Any, *, namespace: str | None = None, name: str | None = None, builtin: bool = True) -> Broken | None:
    """What is wrong with an object; None: nothing that matters here.

    Args:
        item: the object as parsed.
        builtin: it is of a kind of Kubernetes itself, whose ``spec`` and ``status`` are known.
        namespace: that it must be in, as it was asked for; None: any, or none.
        name: that it must have; None: any.
    """
    place = place_told(item)
    if place is None:
        return Broken(None, "an entry without a readable name")
    if namespace and place[0] != namespace:
        return Broken(None, f"an object of namespace {place[0] or '(none)'} among those of {namespace}")
    if name is not None and place[1] != name:
        return Broken(None, f"{place[1]} where {name} was asked for")
    why = _wrong_metadata(item["metadata"]) or (_wrong_parts(item) if builtin else "")
    return Broken(place, why) if why else None


def place_told(item: Any) -> tuple[str, str] | None:
    """Namespace (empty: none) and name of an object, where both can be read."""
    meta = item.get("metadata") if isinstance(item, dict) else None
    if not isinstance(meta, dict):
        return None
    namespace, name = meta.get("namespace") or "", meta.get("name")
    if not _is_name(name) or not (namespace == "" or _is_name(namespace)):
        return None
    return namespace, name


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _wrong_metadata(meta: Mapping[str, Any]) -> str:
    if not isinstance(meta.get("uid"), str) or not meta["uid"]:
        return "it has no uid"
    if not all(_is_words(meta.get(key)) for key in ("labels", "annotations")):
        return "its labels or annotations are not text"
    if not _all(meta.get("ownerReferences"), _is_reference):
        return "its owner cannot be read"
    ends = meta.get("deletionTimestamp")
    if ends is not None and moment(ends) is None:
        return "its deletionTimestamp cannot be read"
    whole = ("generation", "deletionGracePeriodSeconds")
    return "" if all(_is_whole(meta.get(key)) for key in whole) else "its numbers are not whole numbers"


def _wrong_parts(item: Mapping[str, Any]) -> str:
    """Of ``spec`` and ``status``: they may be absent, and what is there must be what it should be."""
    spec, status = item.get("spec"), item.get("status")
    if not (isinstance(spec, dict | None) and isinstance(status, dict | None)):
        return "its spec or status is no object"
    spec, status = spec or {}, status or {}
    if not _is_whole(spec.get("replicas")) or not _is_whole(spec.get("terminationGracePeriodSeconds")):
        return "its replicas or grace are no whole number"
    if not isinstance(spec.get("suspend"), bool | None):
        return "its suspend is neither true nor false"
    texts = (spec.get("nodeName"), status.get("phase"))
    if not all(isinstance(text, str | None) for text in texts):
        return "its node or phase cannot be read"
    lists = (spec.get("containers"), status.get("conditions"))
    if not all(_all(listed, _is_object) for listed in lists):
        return "its containers or conditions cannot be read"
    states = all(_all(status.get(key), _is_container) for key in _STATUSES)
    return "" if states else "the states of its containers cannot be read"


def _all(value: Any, fits: Callable[[Any], bool]) -> bool:
    """Whether a value is a list of such things, or absent."""
    return value is None or (isinstance(value, list) and all(fits(one) for one in value))


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_container(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("state"), dict | None)


def _is_words(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(isinstance(one, str) for one in value.values()))


def _is_reference(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("controller"), bool | None):
        return False
    return all(isinstance(value.get(key), str) and value[key] for key in ("kind", "name"))


def _is_whole(value: Any) -> bool:
    return value is None or (type(value) is int and 0 <= value < _MOST_WHOLE)
