"""The simulated API server's audit log: an id on every answer, one audit.k8s.io/v1 event per changing request.

As with ``--audit-log-path`` and a policy of level Metadata for changes: one JSON object per line, stage
ResponseComplete. Without a path only the ids are given.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from killswitch_backends.simulator.kubernetes.access import USER
from killswitch_backends.simulator.kubernetes.requests import Call

HEADER = "Audit-Id"


class AuditLog:
    """Gives ids, and writes what was changed."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._requests, self._world = 0, os.urandom(4).hex()

    def next_id(self) -> str:
        """An id for one request; no other simulator ever gave it."""
        self._requests += 1
        return f"{self._world}-0000-4000-9000-{self._requests:012x}"

    def record(self, audit_id: str, request: web.Request, call: Call, status: int, received: datetime) -> None:
        """Append one event, at once: whoever was answered may look for it."""
        if self._path is None:
            return
        event = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "Metadata",
            "auditID": audit_id,
            "stage": "ResponseComplete",
            "requestURI": request.path_qs,
            "verb": call.verb,
            "user": {"username": USER},
            "sourceIPs": ["127.0.0.1"],
            "userAgent": request.headers.get("User-Agent", ""),
            "objectRef": {
                "resource": call.kind.plural,
                "namespace": call.namespace,
                "name": call.name,
                "apiGroup": call.kind.group,
                "apiVersion": call.kind.version,
                **({"subresource": call.subresource} if call.subresource else {}),
            },
            "responseStatus": {"metadata": {}, "code": status},
            "requestReceivedTimestamp": _moment(received),
            "stageTimestamp": _moment(datetime.now(UTC)),
        }
        with self._path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(event) + "\n")


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
