"""Events in OCSF 1.7.0, as security lakes take them.

A halted or restored target is a Remediation Activity (7001: Isolate, Restore), an answered platform call an API
Activity (6003). Everything else is an API Activity of the console itself. Required attributes are those of the schema;
``unmapped`` carries what has no place in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from killswitch_console.audit.events import Body, Event
from killswitch_console.audit.merkle import leaf_hash
from killswitch_console.version import __version__

SCHEMA: Final = "1.7.0"

Document = dict[str, Any]

_STATUS: Final = {
    "stopped": (1, "Success"),
    "restored": (1, "Success"),
    "failed": (2, "Failure"),
    "conflict": (2, "Failure"),
    "blocked": (2, "Failure"),
    "revived": (2, "Failure"),
    "unsupported": (5, "Unsupported"),
    "draining": (4, "Partial"),
}


def ocsf(events: Iterable[Event]) -> Iterator[Document]:
    """Each event as one OCSF document."""
    for event in events:
        body = event.fields
        if body["kind"] in ("target.state", "target.revived", "target.error"):
            yield _remediation(event, body)
        else:
            yield _api_activity(event, body)


def _base(event: Event, body: Body, class_uid: int, category: int, activity: int) -> Document:
    return {
        "activity_id": activity,
        "category_uid": category,
        "class_uid": class_uid,
        "type_uid": class_uid * 100 + activity,
        "time": _milliseconds(body["at"]),
        "severity_id": _severity(body),
        "metadata": {
            "version": SCHEMA,
            "uid": body["id"],
            "sequence": body["seq"],
            "correlation_uid": body["incident"] or body["halt"] or body["session"],
            "event_code": body["kind"],
            "log_name": "killswitch-console audit trail",
            "product": {"name": "killswitch-console", "vendor_name": "killswitch-console", "version": __version__},
        },
        "unmapped": {"data": body["data"], "session": body["session"], "drill": body["drill"], "hash": _hash(event)},
    }


def _remediation(event: Event, body: Body) -> Document:
    data = body["data"]
    state = str(data.get("state"))
    activity = 3 if state in ("restored", "conflict") else 1
    status, name = _STATUS.get(state, (99, state))
    return _base(event, body, 7001, 7, activity) | {
        "command_uid": body["halt"] or body["id"],
        "status_id": status,
        "status": name,
        "status_detail": str((data.get("evidence") or {}).get("detail") or data.get("error") or data.get("note") or ""),
        "message": f"{data.get('target')}: {state}",
    }


def _api_activity(event: Event, body: Body) -> Document:
    data = body["data"]
    call = body["kind"] == "target.call"
    api: Document = {"operation": "halt target" if call else body["kind"], "service": {"name": _service(data)}}
    if call and data.get("request_id"):
        api["request"] = {"uid": str(data["request_id"])}
    document = _base(event, body, 6003, 6, 3 if call else 1) | {
        "actor": {"user": {"name": body["actor"]}, "session": {"uid": body["session"]}},
        "api": api,
        "src_endpoint": {"hostname": body["actor"].rpartition("@")[2] or "unknown"},
        "status_id": 2 if body["kind"] == "action.refused" else 1,
        "message": body["kind"],
    }
    if target := data.get("target"):
        document["resources"] = [{"uid": str(target), "type": str(data.get("layer") or "target")}]
    return document


def _service(data: Document) -> str:
    return str(data.get("target") or "killswitch-console").partition(":")[0]


def _severity(body: Body) -> int:
    """Informational; low for what was refused, high for what is a security event (an invocation outside a drill)."""
    if body["kind"] in ("audit.alarm", "audit.gap", "target.revived"):
        return 4
    if body["kind"] in ("halt.confirmed", "restore.confirmed"):
        return 1 if body["drill"] else 4
    return 2 if body["kind"] in ("action.refused", "target.error") else 1


def _milliseconds(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1000)


def _hash(event: Event) -> str:
    return leaf_hash(event.body).hex()
