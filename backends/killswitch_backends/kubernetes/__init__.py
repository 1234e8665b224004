"""The Kubernetes backend: agents that run as workloads of a cluster (``[[kubernetes]]`` tables).

Importing this package stays cheap: aiohttp and the official client are loaded at the first request (official.py).
"""

from killswitch_backends.kubernetes.kind import KIND

__all__ = ["KIND"]
