"""Operators that own a workload and write its replicas: kagent's Agent, as far as it says how many it wants.

kagent v1alpha2 re-asserts ``replicas`` only where the Agent sets them (internal mutate of the Deployment), so the halt
sets them to 0 there too. Any other owner is told as a risk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from killswitch_backends.kubernetes.companions.companion import Companion, companion_of
from killswitch_backends.kubernetes.kinds.reading import pointed
from killswitch_backends.kubernetes.resources import Resource

KAGENT = "kagent.dev"
_PLACES = ("/spec/declarative/deployment/replicas", "/spec/byo/deployment/replicas")


def of_kagent(resource: Resource, item: Mapping[str, Any]) -> tuple[Companion | None, str]:
    """What to hold of a kagent Agent, if it wants a number of replicas."""
    set_here = [place for place in _PLACES if pointed(item, place) is not None]
    if not set_here:
        return None, ""
    held = companion_of("Agent", resource, item, [(place, 0) for place in set_here])
    return held, f"kagent Agent {held.name} sets its replicas again"
