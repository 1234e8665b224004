"""Every document validates against the published OCSF schema: the real one, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from killswitch_console.audit.events import Body, Draft, Event, body_of, new_id
from killswitch_console.audit.ocsf import SCHEMA, ocsf
from trails import a_session

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

TARGET = "kubernetes:prod/payments/Deployment/refund"
EVIDENCE = {"grade": "observed", "detail": "no pod", "at": "2027-01-15T08:00:00Z"}

SHAPES: Mapping[str, Mapping[str, Any]] = {
    "trail.created": {"log": "01J"},
    "session.started": {"command": "halt", "version": "1", "environment": "production"},
    "plan.shown": {"scope": "global", "targets": [TARGET]},
    "halt.confirmed": {"scope": "global", "reason": "loop", "incident": "INC-1", "slo_ms": 120_000},
    "halt.intent": {"targets": [{"target": TARGET, "prior": {"replicas": 3}}]},
    "target.call": {"target": TARGET, "layer": "process", "attempt": 1, "request_id": "req-1"},
    "target.error": {"target": TARGET, "layer": "process", "state": "failed", "error": "403"},
    "target.revived": {"target": TARGET, "layer": "process", "state": "revived", "note": "an autoscaler"},
    "halt.ended": {"verdict": "stopped", "elapsed_ms": 4200},
    "restore.approved": {"scope": "global", "approver": {"os_user": "second"}},
    "glass.breaking": {"name": "oncall", "reason": "IdP is down"},
    "drill.started": {"scenario": "refund-runaway"},
    "action.refused": {"action": "halt", "scope": "global", "why": "outside the role"},
    "audit.exported": {"format": "bundle"},
    "audit.gap": {"events": 3, "reason": "disk full"},
    "audit.alarm": {"what": "FORKED"},
    "anything.else": {},
}
STATES = ("stopped", "restored", "failed", "conflict", "blocked", "unsupported", "draining", "unknown", "revived")


@cache
def validator(class_uid: int) -> Draft202012Validator:
    """The schema of one class of the release that documents say they follow, objects included."""
    from jsonschema import Draft202012Validator  # seconds of import, which every worker would pay
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    release = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=SCHEMA))
    name = release.lookup_class_name_from_uid(class_uid=class_uid)
    return Draft202012Validator(release.get_class_schema(class_name=name, profiles=[]))


def faults(document: Mapping[str, Any]) -> list[str]:
    found = validator(int(document["class_uid"])).iter_errors(document)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


def event(draft: Draft) -> Event:
    return Event(7, body_of(draft, 7, "0" * 64))


def one(kind: str, data: Mapping[str, Any], halt: str | None = "h-1") -> dict[str, Any]:
    (document,) = ocsf([event(a_session().draft(kind, data, halt_id=halt))])
    return document


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("halt", ["h-1", None])
def test_every_kind_of_event_validates(kind: str, halt: str | None) -> None:
    document = one(kind, SHAPES[kind], halt)
    assert document["metadata"]["version"] == SCHEMA == "1.7.0"
    assert faults(document) == []


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_a_target_validates(state: str) -> None:
    document = one("target.state", {"target": TARGET, "layer": "process", "state": state, "evidence": EVIDENCE})
    assert document["class_uid"] == 7001
    assert faults(document) == []


texts = st.text(max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts, lambda v: st.lists(v, max_size=3), max_leaves=4
)
names = st.sampled_from(["target", "layer", "state", "scope", "request_id", "error", "note", "incident"]) | texts


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([*SHAPES, "target.state"]), st.dictionaries(names, values, max_size=5))
def test_no_particulars_make_an_invalid_document(kind: str, data: dict[str, Any]) -> None:
    assert faults(one(kind, data)) == []


def test_the_schema_refuses_what_is_not_in_it() -> None:
    """The check itself can fail: a left out and an invented attribute are found."""
    document = one("target.call", SHAPES["target.call"])
    assert faults({name: value for name, value in document.items() if name != "actor"})
    assert faults(document | {"invented": 1})


def test_documents_name_the_event() -> None:
    draft = a_session().draft("target.call", SHAPES["target.call"], halt_id="h-1")
    (document,) = ocsf([event(draft)])
    body: Body = event(draft).fields
    assert document["metadata"]["uid"] == body["id"] == draft.id != new_id()
    assert document["metadata"]["sequence"] == 7
    assert document["api"]["request"]["uid"] == "req-1"
