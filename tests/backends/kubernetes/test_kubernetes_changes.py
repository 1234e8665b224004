"""The patches, applied by the simulated API server's own patch code: halting and undoing is the identity."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from killswitch_backends.kubernetes.changes import (
    again_patch,
    halt_patch,
    is_off,
    left_by_halt,
    not_restored,
    prior_of,
    prior_told,
    undo_patch,
)
from killswitch_backends.kubernetes.kinds.deployment import Deployment
from killswitch_backends.kubernetes.records import HALT_ID, Workload
from killswitch_backends.protocol import LabelKeys, Order
from killswitch_backends.simulator.kubernetes.failures import ApiFailure
from killswitch_backends.simulator.kubernetes.patches import json_patch

KIND = Deployment()
ORDER = Order("H1", "os:oncall", "why", datetime(2026, 11, 22, tzinfo=UTC))
_keys = st.text(min_size=1, max_size=10).filter(lambda key: not key.startswith("killswitch-console/"))


@st.composite
def deployments(draw: st.DrawFn) -> dict[str, Any]:
    """Deployments with and without replicas, with no, empty and odd annotations (``~`` and ``/`` need escapes)."""
    meta: dict[str, Any] = {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "5", "generation": 1}
    if (annotations := draw(st.none() | st.dictionaries(_keys, st.text(max_size=5), max_size=3))) is not None:
        meta["annotations"] = annotations
    spec: dict[str, Any] = {"paused": draw(st.booleans())}
    if (replicas := draw(st.none() | st.integers(0, 50))) is not None:
        spec["replicas"] = replicas
    return {"metadata": meta, "spec": spec}


def _workload(item: dict[str, Any]) -> Workload:
    return KIND.workload(item, LabelKeys())


def _halted(item: dict[str, Any]) -> dict[str, Any]:
    return dict(json_patch(copy.deepcopy(item), halt_patch(KIND, prior_of(KIND, _workload(item)), ORDER)))


@given(deployments())
def test_undoing_a_halt_gives_the_object_back_field_by_field(item: dict[str, Any]) -> None:
    prior, halted = prior_of(KIND, _workload(item)), _halted(item)
    assert is_off(KIND, _workload(halted).switch)
    undone = json_patch(halted, undo_patch(KIND, prior, "H1", annotations=halted["metadata"]["annotations"]))
    assert undone == item
    assert not not_restored(KIND, _workload(undone), prior)


@given(deployments())
def test_the_mark_alone_is_enough_to_undo(item: dict[str, Any]) -> None:
    halted = _halted(item)
    mark = _workload(halted).mark
    assert mark is not None
    assert (mark.halt_id, mark.invoker) == ("H1", "os:oncall")
    assert prior_told(KIND, mark.prior) is not None
    undone = json_patch(halted, undo_patch(KIND, mark.prior or {}, "H1", annotations=halted["metadata"]["annotations"]))
    assert undone == item


@given(deployments(), st.integers(0, 60))
def test_a_halt_never_replaces_what_was_not_captured(item: dict[str, Any], replicas: int) -> None:
    prior = prior_of(KIND, _workload(item))
    other = copy.deepcopy(item)
    other["spec"]["replicas"] = replicas
    other["metadata"]["resourceVersion"] = "6"
    if item["spec"].get("replicas") == replicas and "annotations" in item["metadata"]:
        json_patch(other, halt_patch(KIND, prior, ORDER))
        return
    with pytest.raises(ApiFailure):
        json_patch(other, halt_patch(KIND, prior, ORDER))


@given(deployments())
def test_a_namesake_made_anew_is_not_halted_on_the_old_ones_prior_state(item: dict[str, Any]) -> None:
    prior = prior_of(KIND, _workload(item))
    item["metadata"]["uid"] = "another"
    with pytest.raises(ApiFailure):
        json_patch(item, halt_patch(KIND, prior, ORDER))


@given(deployments())
def test_halting_twice_is_refused_by_the_patch_unless_it_changes_nothing(item: dict[str, Any]) -> None:
    prior, halted = prior_of(KIND, _workload(item)), _halted(item)
    try:
        again = json_patch(copy.deepcopy(halted), halt_patch(KIND, prior, ORDER))
    except ApiFailure:
        return
    assert again["spec"]["replicas"] == 0
    assert again["metadata"]["annotations"][HALT_ID] == "H1"


@given(deployments(), _keys, st.text(max_size=4))
def test_annotations_that_others_add_meanwhile_survive_the_undoing(item: dict[str, Any], key: str, value: str) -> None:
    prior, halted = prior_of(KIND, _workload(item)), _halted(item)
    halted["metadata"]["annotations"][key] = value
    undone = json_patch(halted, undo_patch(KIND, prior, "H1", annotations=halted["metadata"]["annotations"]))
    assert undone["metadata"]["annotations"] == {**(item["metadata"].get("annotations") or {}), key: value}


@given(deployments(), st.integers(1, 9))
def test_a_revival_is_a_conflict_for_the_undoing_and_ends_in_zero_when_asserted_again(
    item: dict[str, Any], replicas: int
) -> None:
    prior, halted = prior_of(KIND, _workload(item)), _halted(item)
    halted["spec"]["replicas"] = replicas
    (change,) = left_by_halt(KIND, _workload(halted), "H1")
    assert (change.field, change.expected, change.found) == ("replicas", 0, replicas)
    with pytest.raises(ApiFailure):
        json_patch(halted, undo_patch(KIND, prior, "H1", annotations=halted["metadata"]["annotations"]))
    again = json_patch(halted, again_patch(KIND, _workload(halted)))
    assert again["spec"]["replicas"] == 0
    assert again["metadata"] == halted["metadata"]


@pytest.mark.parametrize(
    "prior", [None, {}, {"replicas": "3"}, {"replicas": None}, {"replicas": True}, {"replicas": 1.5}]
)
def test_a_mark_that_somebody_edited_is_not_restored_from(prior: dict[str, Any] | None) -> None:
    assert prior_told(KIND, prior) is None
