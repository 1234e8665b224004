"""What a request asks for: its path and query read into one ``Call`` (apiserver's RequestInfo)."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from killswitch_backends.simulator.kubernetes.failures import bad_request, method_not_allowed, no_such_path
from killswitch_backends.simulator.kubernetes.kinds import Kind, Kinds

MUTATING = frozenset({"create", "update", "patch", "delete", "deletecollection"})

_ON_OBJECT = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_ON_COLLECTION = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request on objects: verb, kind, namespace ("" for all or none), name ("" for a collection), subresource."""

    verb: str
    kind: Kind
    namespace: str
    name: str
    subresource: str

    @property
    def resource(self) -> str:
        """The resource as RBAC names it: ``deployments/scale``."""
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural

    @property
    def operation(self) -> str:
        """The name by which faults know this request."""
        return f"kubernetes.{self.verb}.{self.resource}"


def read_call(request: web.Request, parts: list[str], kinds: Kinds) -> Call:
    """Read the path (split at slashes) of a request on objects.

    Raises:
        ApiFailure: 404 for a path nobody serves, 405 for a method it does not take.
    """
    if parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    else:
        group, version, rest = parts[1], parts[2], parts[3:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    kind = kinds.find(group, version, rest[0])
    if kind is None or len(rest) > 3 or (namespace and not kind.namespaced):
        raise no_such_path()
    name = rest[1] if len(rest) > 1 else ""
    if kind.namespaced and name and not namespace:
        raise no_such_path()
    subresource = rest[2] if len(rest) > 2 else ""
    return Call(_verb(request, name, subresource), kind, namespace, name, subresource)


def _verb(request: web.Request, name: str, subresource: str) -> str:
    if subresource == "eviction" and request.method == "POST":
        return "create"
    verb = (_ON_OBJECT if name else _ON_COLLECTION).get(request.method)
    if verb is None:
        raise method_not_allowed()
    if verb == "list" and flag(request, "watch"):
        return "watch"
    return verb


def flag(request: web.Request, name: str) -> bool:
    """A boolean query parameter: absent, ``0``, ``false`` and ``f`` are false (Go's ParseBool for the rest)."""
    if not request.query_string:
        return False
    return request.query.get(name, "").lower() in ("1", "t", "true")


def number(request: web.Request, name: str) -> int | None:
    """A whole, non-negative query parameter. Raises a 400 ``ApiFailure`` for other text."""
    text = request.query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def dry_run(request: web.Request) -> bool:
    """Whether the query asks to change nothing. Raises a 400 ``ApiFailure`` for a value other than ``All``."""
    if not request.query_string:
        return False
    return is_dry_run(request.query.getall("dryRun", []))


def is_dry_run(values: list[str]) -> bool:
    if any(value != "All" for value in values):
        raise bad_request(f'invalid dryRun value {values}: supported values: "All"')
    return bool(values)
