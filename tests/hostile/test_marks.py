"""Marks on targets, written by somebody hostile: whoever can write a Deployment's annotations can write one.

A mark must not make its target immune, nor have the console change anything but that target, nor break it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hostile.cluster import DEPLOYMENTS, TARGET, Cluster, deployment
from hostile.liar import Liar
from hostile.strategies import anything, examples, spoilt, text, wrong
from killswitch_backends.kubernetes.changes import prior_told
from killswitch_backends.kubernetes.companions.autoscalers import of_scaled_object
from killswitch_backends.kubernetes.companions.companion import HOLDERS, holders_of
from killswitch_backends.kubernetes.controllers import INSTANCES, instances_of
from killswitch_backends.kubernetes.kinds.deployment import Deployment
from killswitch_backends.kubernetes.records import AT, HALT_ID, INVOKER, PRIOR, RESTORE_AT, RESTORER, mark_of
from killswitch_backends.kubernetes.resources import Resource
from killswitch_backends.protocol import Backend, Captured, Failure

OTHERS = [
    {"kind": "Secret", "root": "/api/v1", "plural": "secrets", "namespace": "kube-system", "name": "x", "uid": "u"}
]
PRIOR_STATE = {"replicas": 3, "uid": "u-refund-1", "absent": ["replicas"], "companions": OTHERS}
KEPT = {"replicas", "uid", "selector", "absent", "annotations_absent"}

written = st.one_of(
    spoilt(PRIOR_STATE).map(lambda drawn: json.dumps(drawn[1])),
    anything.map(json.dumps),
    text,
    st.sampled_from(["[" * 100_000, "{" * 10_000, "9" * 5_000, "\x00", '{"replicas":1e400}', '{"replicas":NaN}']),
)
"""What may stand in an annotation."""


@examples(60)
@given(written, text, text, text)
@example(json.dumps(PRIOR_STATE), "\x1b[2J", "\u202e", "now")
def test_a_mark_tells_of_its_own_target_only(prior: str, who: str, restorer: str, at: str) -> None:
    annotations = {HALT_ID: "H", INVOKER: who, AT: at, PRIOR: prior, RESTORER: restorer, RESTORE_AT: at}
    mark = mark_of(annotations)
    assert mark is not None
    told = prior_told(Deployment(), mark.prior)
    assert told is None or (set(told) <= KEPT and type(told["replicas"]) is int and 0 <= told["replicas"] < 2**31)


@examples(60)
@given(written, written, wrong)
@example('{"payments/Deployment/refund-1": "H"}', json.dumps([["/metadata/finalizers", None, ["x"]]]), None)
@example('{"payments/Deployment/refund-1": "H"}', json.dumps([["/spec", None, {}]]), None)
def test_a_companions_mark_changes_no_other_field(holders: str, prior: str, value: Any) -> None:
    annotations = {HOLDERS: holders, PRIOR: prior}
    item = {"metadata": {"name": "s", "uid": "u", "annotations": annotations}, "spec": value}
    _, companion, _ = of_scaled_object(Resource("/apis/keda.sh/v1alpha1", "scaledobjects"), item)
    assert companion is not None
    pointers = [change.pointer for change in (*companion.changes, *companion.recorded(item))]
    assert set(pointers) <= {"/metadata/annotations", "/metadata/annotations/autoscaling.keda.sh~1paused-replicas"}
    assert all(isinstance(by, str) for by in holders_of(item).values())


@examples(40)
@given(written)
def test_a_mark_of_ended_instances_is_read_or_absent(value: str) -> None:
    before, ended = instances_of({"metadata": {"annotations": {INSTANCES: value}}})
    assert type(before) is int
    assert all(isinstance(by, str) for by in ended.values())


async def captured(backend: Backend) -> Captured | Failure:
    (found,) = [item async for item in backend.capture([TARGET], fresh=True)]
    return found


@pytest.fixture
def lied(runner: asyncio.Runner, liar: Liar) -> Iterator[Any]:
    def lie(annotations: dict[str, Any], replicas: int) -> None:
        marked = deployment("refund-1", replicas=replicas)
        marked["metadata"]["annotations"] = annotations
        liar.answer = Cluster(**{f"{DEPLOYMENTS}/refund-1": marked}).answer

    return lie


@examples(15)
@given(written)
@example("garbage")
@example("{}")
def test_no_mark_makes_what_runs_immune(runner: asyncio.Runner, backend: Backend, lied: Any, prior: str) -> None:
    lied({HALT_ID: "\x1b[2Jmine", PRIOR: prior}, 3)
    found = runner.run(captured(backend))
    assert isinstance(found, Captured), found
    assert "companions" not in found.prior
    assert found.marked_by is not None or found.prior["replicas"] == 3
