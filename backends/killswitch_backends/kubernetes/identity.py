"""Whom a cluster takes us for."""

from __future__ import annotations

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.records import mapping, text
from killswitch_backends.problems import Gone
from killswitch_backends.protocol import Identity

_VERSIONS = ("v1", "v1beta1", "v1alpha1")
"""SelfSubjectReview is v1 since Kubernetes 1.28."""


async def whoami(api: Api) -> Identity:
    """Ask by SelfSubjectReview; a cluster without it leaves the kubeconfig's word, and the name says so.

    Raises:
        Problem: when the cluster does not answer or refuses us.
    """
    credentials = await api.credentials()
    for version in _VERSIONS:
        group = f"authentication.k8s.io/{version}"
        body = {"apiVersion": group, "kind": "SelfSubjectReview"}
        try:
            answer = await api.call("POST", f"/apis/{group}/selfsubjectreviews", body=body)
        except Gone:
            continue
        user = mapping(mapping(mapping(answer).get("status")).get("userInfo"))
        groups = user.get("groups")
        related = tuple(g for g in groups if isinstance(g, str)) if isinstance(groups, list) else ()
        return Identity(text(user.get("username")), credentials.server, related)
    return Identity(f"{credentials.user or 'unknown'} (by kubeconfig)", credentials.server)
