"""Just enough OpenAPI v3 for kubectl: which kinds take patches with server-side field validation and dry run.

kubectl asks it before create, apply and patch; the schemas themselves stay open, so nothing is rejected by them.
"""

from __future__ import annotations

from killswitch_backends.simulator.kubernetes.kinds import Kind, Kinds
from killswitch_backends.simulator.kubernetes.objects import JsonObject

_QUERY = [
    {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
]


def index(kinds: Kinds, prefix: str) -> JsonObject:
    """``/openapi/v3``: where each group and version is described. ``prefix`` is where the API server is mounted."""
    paths = {}
    for group, versions in kinds.groups().items():
        for version in versions:
            path = f"apis/{group}/{version}" if group else f"api/{version}"
            paths[path] = {"serverRelativeURL": f"{prefix}/openapi/v3/{path}?hash=simulated"}
    return {"paths": paths}


def document(kinds: Kinds, group: str, version: str) -> JsonObject:
    """``/openapi/v3/apis/GROUP/VERSION``."""
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    mine = [kind for kind in kinds if (kind.group, kind.version) == (group, version)]
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": {_path(root, kind): {"patch": _patch(kind)} for kind in mine},
        "components": {"schemas": {_schema_name(kind): _schema(kind) for kind in mine}},
    }


def _path(root: str, kind: Kind) -> str:
    return (
        f"{root}/namespaces/{{namespace}}/{kind.plural}/{{name}}"
        if kind.namespaced
        else f"{root}/{kind.plural}/{{name}}"
    )


def _named(kind: Kind) -> JsonObject:
    return {"group": kind.group, "version": kind.version, "kind": kind.name}


def _patch(kind: Kind) -> JsonObject:
    return {
        "operationId": f"patch{kind.name}",
        "parameters": _QUERY,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": _named(kind),
    }


def _schema_name(kind: Kind) -> str:
    return f"io.k8s.api.{kind.group.partition('.')[0] or 'core'}.{kind.version}.{kind.name}"


def _schema(kind: Kind) -> JsonObject:
    return {
        "type": "object",
        "x-kubernetes-group-version-kind": [_named(kind)],
        "x-kubernetes-preserve-unknown-fields": True,
    }
