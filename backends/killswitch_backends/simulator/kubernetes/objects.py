"""Objects as stored: JSON values that nobody changes once stored, with their bytes made once per version.

Everything that reads may share these structures; everything that writes builds new ones along the changed path only.
"""

from __future__ import annotations

import json
import operator
import time
from random import Random
from typing import Any

from killswitch_backends.simulator.kubernetes.failures import bad_request
from killswitch_backends.simulator.kubernetes.kinds import Kind

JsonObject = dict[str, Any]

_encode = json.JSONEncoder(separators=(",", ":")).encode


def dumps(value: Any) -> bytes:
    """Compact JSON; ASCII only, so that no text a client sent can fail to encode."""
    return _encode(value).encode("ascii")


def _no_constant(name: str) -> Any:
    raise ValueError(f"invalid literal {name}")


def loads(body: bytes) -> Any:
    """Read a request's JSON.

    Raises:
        ApiFailure: 400 for anything that is not JSON (NaN included).
    """
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        raise bad_request(f"error decoding the body: {problem}") from None


def loads_object(body: bytes) -> JsonObject:
    """Read a request's JSON object. Raises a 400 ``ApiFailure`` for anything else."""
    value = loads(body)
    if not isinstance(value, dict):
        raise bad_request("the body is not a JSON object")
    return value


class Stored:
    """One object at one version. ``value`` has no apiVersion and kind; it must not be changed."""

    __slots__ = ("_body", "kind", "name", "namespace", "value", "version")

    def __init__(self, kind: Kind, value: JsonObject, version: int) -> None:
        meta = value["metadata"]
        self.kind = kind
        self.value = value
        self.version = version
        self.name: str = meta["name"]
        self.namespace: str = meta.get("namespace", "")
        self._body: bytes | None = None

    @property
    def meta(self) -> JsonObject:
        meta: JsonObject = self.value["metadata"]
        return meta

    @property
    def uid(self) -> str:
        return str(self.value["metadata"]["uid"])

    @property
    def labels(self) -> dict[str, str]:
        return self.value["metadata"].get("labels") or {}

    @property
    def annotations(self) -> dict[str, str]:
        return self.value["metadata"].get("annotations") or {}

    @property
    def spec(self) -> JsonObject:
        return self.value.get("spec") or {}

    @property
    def status(self) -> JsonObject:
        return self.value.get("status") or {}

    @property
    def deleting(self) -> bool:
        return "deletionTimestamp" in self.value["metadata"]

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    def document(self) -> bytes:
        """The whole object with its type, as a single answer or a watch event carries it."""
        body = self._body
        if body is None:
            body = self._body = dumps(typed(self.kind, self.value))
        return body

    def item(self) -> bytes:
        """The object as a list carries it: built-in kinds leave their type out, as the real server does."""
        document = self.document()
        return document if self.kind.custom else b"{" + document[_head_length(self.kind) :]


_HEADS: dict[Kind, int] = {}


def _head_length(kind: Kind) -> int:
    length = _HEADS.get(kind)
    if length is None:
        length = _HEADS[kind] = len(dumps({"kind": kind.name, "apiVersion": kind.api_version}))
    return length


def typed(kind: Kind, value: JsonObject) -> JsonObject:
    """An object with its type in front, as every single answer carries it."""
    return {"kind": kind.name, "apiVersion": kind.api_version, **value}


def controller_of(value: JsonObject) -> JsonObject | None:
    """The ownerReference that controls an object, if any."""
    for reference in value["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            found: JsonObject = reference
            return found
    return None


def without_nulls(value: Any) -> Any:
    """A value without null members, which Go reads as absent; the same value when it has none."""
    if isinstance(value, dict):
        kept = {key: without_nulls(member) for key, member in value.items() if member is not None}
        unchanged = len(kept) == len(value) and all(kept[key] is value[key] for key in kept)
        return value if unchanged else kept
    if isinstance(value, list):
        items = [without_nulls(item) for item in value]
        return value if all(map(operator.is_, items, value)) else items
    return value


def with_meta(value: JsonObject, **changes: Any) -> JsonObject:
    """A copy of an object with some metadata fields replaced; None removes a field."""
    meta = {**value["metadata"], **changes}
    for field, new in changes.items():
        if new is None:
            del meta[field]
    return {**value, "metadata": meta}


def timestamp(seconds: float | None = None) -> str:
    """A time (Unix seconds; default now) as Kubernetes writes it: RFC 3339 UTC, whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def new_uid(rng: Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


_SAFE = "bcdfghjklmnpqrstvwxz2456789"


def name_suffix(rng: Random, length: int = 5) -> str:
    """Random characters as ``generateName`` appends them (apimachinery's rand.String)."""
    return "".join(rng.choices(_SAFE, k=length))
