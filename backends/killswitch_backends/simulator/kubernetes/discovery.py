"""Discovery: which groups, versions and resources are served, aggregated (v2) and one by one; and the version."""

from __future__ import annotations

from aiohttp import web

from killswitch_backends.simulator.kubernetes.answers import json_answer
from killswitch_backends.simulator.kubernetes.kinds import Kind, Kinds
from killswitch_backends.simulator.kubernetes.objects import JsonObject, dumps

VERSION: JsonObject = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0+simulated",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-05-01T00:00:00Z",
    "goVersion": "go1.26.0",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_SUB_VERBS = ["get", "patch", "update"]
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_REVIEWS = {
    "authorization.k8s.io": ("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    "authentication.k8s.io": ("selfsubjectreviews", "SelfSubjectReview"),
}


def wants_aggregated(request: web.Request) -> bool:
    """Whether the client can read aggregated discovery of version v2."""
    offers = request.headers.get("Accept", "").replace(" ", "").split(",")
    return any(
        {"g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"} <= set(offer.split(";")) for offer in offers
    )


def answer_root(kinds: Kinds, request: web.Request, root: str) -> web.Response:
    """Answer ``/api`` or ``/apis``."""
    groups = {group: versions for group, versions in kinds.groups().items() if bool(group) is (root == "apis")}
    if wants_aggregated(request):
        items = [_group_discovery(kinds, group, versions) for group, versions in groups.items()]
        body = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}
        return web.Response(body=dumps(body), headers={"Content-Type": _AGGREGATED})
    if root == "api":
        return json_answer(dumps({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}))
    listed = [group_of(group, versions) for group, versions in groups.items()]
    return json_answer(dumps({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}))


def group_of(group: str, versions: list[str]) -> JsonObject:
    """One APIGroup, as ``/apis`` lists it and ``/apis/GROUP`` answers it."""
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _of_version(kinds: Kinds, group: str, version: str) -> list[Kind]:
    return [kind for kind in kinds if (kind.group, kind.version) == (group, version)]


def resource_list(kinds: Kinds, group: str, version: str) -> JsonObject | None:
    """The APIResourceList of one group and version; None when it is not served."""
    if version not in kinds.groups().get(group, ()):
        return None
    resources = [resource for kind in _of_version(kinds, group, version) for resource in _resources(kind)]
    if group in _REVIEWS:
        plural, kind_name = _REVIEWS[group]
        resources.append(
            {
                "name": plural,
                "singularName": kind_name.lower(),
                "namespaced": False,
                "kind": kind_name,
                "verbs": ["create"],
            }
        )
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources}


def _resources(kind: Kind) -> list[JsonObject]:
    main = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": _VERBS,
        **({"shortNames": list(kind.short_names)} if kind.short_names else {}),
        **({"categories": list(kind.categories)} if kind.categories else {}),
    }
    found: list[JsonObject] = [main]
    for name, group, version, kind_name in _subresources(kind):
        entry: JsonObject = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced}
        if group:
            entry |= {"group": group, "version": version}
        found.append({**entry, "kind": kind_name, "verbs": _SUB_VERBS})
    return found


def _subresources(kind: Kind) -> list[tuple[str, str, str, str]]:
    """Name, group, version and kind of a kind's subresources; no group: the kind's own."""
    found = [("scale", "autoscaling", "v1", "Scale")] if kind.scale else []
    return [*found, ("status", "", "", kind.name)] if kind.status else found


def _group_discovery(kinds: Kinds, group: str, versions: list[str]) -> JsonObject:
    listed = [
        {"version": version, "resources": _aggregated(kinds, group, version), "freshness": "Current"}
        for version in versions
    ]
    return {"metadata": {"name": group, "creationTimestamp": None} if group else {}, "versions": listed}


def _aggregated(kinds: Kinds, group: str, version: str) -> list[JsonObject]:
    found = [_aggregated_kind(kind) for kind in _of_version(kinds, group, version)]
    if group in _REVIEWS:
        plural, name = _REVIEWS[group]
        found.append(
            {
                "resource": plural,
                "responseKind": {"group": group, "version": version, "kind": name},
                "scope": "Cluster",
                "singularResource": name.lower(),
                "verbs": ["create"],
            }
        )
    return found


def _aggregated_kind(kind: Kind) -> JsonObject:
    own = {"group": kind.group, "version": kind.version, "kind": kind.name}
    subresources = [
        {
            "subresource": name,
            "responseKind": {"group": group, "version": version, "kind": kind_name} if group else own,
            "verbs": _SUB_VERBS,
        }
        for name, group, version, kind_name in _subresources(kind)
    ]
    return {
        "resource": kind.plural,
        "responseKind": own,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": _VERBS,
        **({"shortNames": list(kind.short_names)} if kind.short_names else {}),
        **({"categories": list(kind.categories)} if kind.categories else {}),
        **({"subresources": subresources} if subresources else {}),
    }
