"""DaemonSets: they have no replicas, so a halt asks for nodes that do not exist.

The template's whole nodeSelector is replaced by a label that no node carries; the controller then ends the pod on every
node, also under the OnDelete strategy, because no node is to run it. The template is the old one again after a restore.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.kinds.kind import Field, Kind
from killswitch_backends.kubernetes.kinds.templated import Templated
from killswitch_backends.kubernetes.records import mapping, number
from killswitch_backends.kubernetes.resources import Resource
from killswitch_backends.protocol import Json

NOWHERE: Mapping[str, str] = {"killswitch-console/halted": "no-node-carries-this"}
_NODES = Field("nodeSelector", "/spec/template/spec/nodeSelector", off=dict(NOWHERE), default={})

_DAEMON_SETS = Resource("/apis/apps/v1", "daemonsets")


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonSet(Templated):
    """``apps/v1`` DaemonSet."""

    name: str = "DaemonSet"
    resource: Resource = _DAEMON_SETS
    switch: tuple[Field, ...] = (_NODES,)

    def counts(self, item: Mapping[str, Any]) -> tuple[int, int]:
        status = mapping(item.get("status"))
        return number(status.get("desiredNumberScheduled")) or 0, number(status.get("numberReady")) or 0

    def action(self, prior: Mapping[str, Json]) -> str:
        _ = prior
        return "run it on no node (nodeSelector that none satisfies)"


KINDS: tuple[Kind, ...] = (DaemonSet(),)
