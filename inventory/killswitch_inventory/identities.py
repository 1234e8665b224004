"""Names of identities that two platforms must spell alike for the fleet to join what they report."""

from __future__ import annotations


def service_account(*, cluster: str, namespace: str, name: str) -> str:
    """A Kubernetes service account of a named (EKS) cluster, as a pod runs as it and an association names it."""
    return f"kubernetes service account {namespace}/{name} in {cluster}"
