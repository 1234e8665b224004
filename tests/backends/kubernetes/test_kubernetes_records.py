"""Slim records: what is read of objects, and that no shape an object may have breaks the reading."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from killswitch_backends.kubernetes.kinds import every_kind
from killswitch_backends.kubernetes.kinds.deployment import Deployment
from killswitch_backends.kubernetes.kinds.reading import last_writer
from killswitch_backends.kubernetes.pods import pod_of
from killswitch_backends.kubernetes.records import Owner, Selector, selector_of
from killswitch_backends.kubernetes.resources import ObjectKey
from killswitch_backends.problems import Unsupported
from killswitch_backends.protocol import LabelKeys
from killswitch_inventory.agents import Health
from killswitch_inventory.targets import BackendRef, TargetId

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PARTS = ("metadata", "spec", "status", "labels", "annotations", "ownerReferences", "containerStatuses", "conditions")
objects = st.dictionaries(
    st.sampled_from(PARTS),
    st.dictionaries(st.sampled_from((*PARTS, "template", "selector", "replicas", "phase")), json_values) | json_values,
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(objects)
def test_no_shape_of_an_object_breaks_the_reading(item: dict[str, Any]) -> None:
    for kind in every_kind().values():
        read = kind.workload(item, LabelKeys())
        texts = (read.uid, read.version, read.agent, read.account, read.switched_by, *read.key)
        assert all(isinstance(one, str) for one in texts)
        assert all(isinstance(one, int) for one in (read.generation, read.desired, read.ready, read.grace))
    pod = pod_of(item)
    assert all(isinstance(one, str) for one in (pod.namespace, pod.name, pod.uid, pod.node))
    assert isinstance(pod.health, Health)
    assert not (pod.over and pod.running), "what is over does not run"


def test_a_deployment_is_read() -> None:
    item = {
        "metadata": {
            "namespace": "payments",
            "name": "refund-1",
            "uid": "u",
            "resourceVersion": "7",
            "generation": 3,
            "labels": {"agent": "refund-1", "argocd.argoproj.io/instance": "x"},
            "ownerReferences": [{"kind": "Agent", "name": "refund", "controller": True}],
        },
        "spec": {
            "selector": {"matchLabels": {"app": "refund-1"}},
            "template": {
                "metadata": {"labels": {"agent-class": "refund", "agent": "by-template"}},
                "spec": {"serviceAccountName": "refund"},
            },
        },
        "status": {"observedGeneration": 2, "readyReplicas": 1},
    }
    workload = Deployment().workload(item, LabelKeys())
    assert workload.key == ObjectKey("payments", "Deployment", "refund-1")
    assert workload.switch == {"replicas": None}
    assert (workload.desired, workload.ready) == (1, 1)
    assert (workload.generation, workload.observed) == (3, 2)
    assert workload.claim is not None
    assert (workload.claim.agent, workload.claim.agent_class, workload.claim.tenant) == ("refund-1", "refund", None)
    assert workload.account == "refund"
    assert not workload.annotated
    assert [words.split()[0] for words in workload.revivers] == ["Argo", "Agent"]


def test_the_last_writer_of_replicas_is_found() -> None:
    def wrote(manager: str, at: str, fields: object) -> dict[str, object]:
        return {"manager": manager, "time": at, "fieldsV1": fields}

    meta = {
        "managedFields": [
            wrote("kubectl", "2026-11-22T10:00:00Z", {"f:spec": {"f:replicas": {}}}),
            wrote("keda", "2026-11-22T11:00:00Z", {"f:spec": {"f:replicas": {}}}),
            wrote("controller", "2026-11-22T12:00:00Z", {"f:status": {"f:replicas": {}}}),
            wrote("hostile", "2026-11-22T13:00:00Z", "f:spec"),
        ]
    }
    assert last_writer(meta, "/spec/replicas") == "keda"


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Owner("ReplicaSet", "refund-1-5d4f", "5d4f"), "refund-1"),
        (Owner("ReplicaSet", "refund-1-5d4f", ""), None),
        (Owner("ReplicaSet", "refund-1-5d4f", "aaaa"), None),
        (Owner("StatefulSet", "refund-1-5d4f", "5d4f"), None),
    ],
)
def test_a_replica_set_leads_to_its_deployment(owner: Owner, name: str | None) -> None:
    assert Deployment().owns(owner) == name


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}, Health.OK),
        ({"phase": "Running"}, Health.DEGRADED),
        ({"phase": "Running", "containerStatuses": [{"restartCount": 3}]}, Health.FAILING),
        (
            {"phase": "Running", "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]},
            Health.FAILING,
        ),
        (
            {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}]},
            Health.FAILING,
        ),
        ({"phase": "Pending"}, Health.DEGRADED),
        ({"phase": "Failed"}, Health.FAILING),
        ({"phase": "Succeeded"}, Health.IDLE),
        ({"phase": "Unknown"}, Health.UNKNOWN),
        ({}, Health.UNKNOWN),
    ],
)
def test_health_of_a_pod(status: dict[str, Any], health: Health) -> None:
    assert pod_of({"status": status}).health is health


LABELS = {"app": "a", "tier": "web"}


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        (("app", "In", ("a", "b")), True),
        (("app", "NotIn", ("a",)), False),
        (("other", "NotIn", ("a",)), True),
        (("tier", "Exists", ()), True),
        (("other", "Exists", ()), False),
        (("other", "DoesNotExist", ()), True),
        (("app", "Greater", ("1",)), False),
    ],
)
def test_set_expressions(expression: tuple[str, str, tuple[str, ...]], matches: bool) -> None:
    assert Selector((("app", "a"),), (expression,)).matches(LABELS) is matches


def test_an_empty_selector_selects_nothing() -> None:
    assert not selector_of({}).matches(LABELS)
    assert not selector_of("hostile").matches(LABELS)


def test_a_selector_is_written_for_the_api() -> None:
    selector = selector_of(
        {
            "matchLabels": {"app": "a"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["web", "api"]},
                {"key": "x", "operator": "Exists"},
                {"key": "y", "operator": "DoesNotExist"},
            ],
        }
    )
    assert str(selector) == "app=a,tier in (web,api),x,!y"


@pytest.mark.parametrize(
    "path",
    [
        "payments/Deployment",
        "payments/Deployment/a/b",
        "../Deployment/x",
        "payments/Deployment/..",
        "p/De ploy/x",
        "P/D/x",
    ],
)
def test_a_path_that_is_no_object_is_unsupported(path: str) -> None:
    with pytest.raises(Unsupported):
        ObjectKey.of(TargetId(BackendRef("kubernetes", "sim"), path))
