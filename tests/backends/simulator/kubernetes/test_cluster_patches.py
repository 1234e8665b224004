"""Patches by themselves: the RFCs' own examples, and laws that must hold for any value."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from killswitch_backends.simulator.kubernetes.failures import ApiFailure
from killswitch_backends.simulator.kubernetes.patches import json_patch, merge_patch, same
from killswitch_backends.simulator.kubernetes.strategic import strategic_merge

keys = st.sampled_from(["a", "b", "c", "m/n", "x~y", "", "0"])
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "1", "a b", "ü"])
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)
objects = st.dictionaries(keys, values, max_size=4)


def without_nulls(value: Any) -> Any:
    """What a merge patch can produce: no null members of objects outside of arrays."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    return value


def merge_difference(before: Any, after: Any) -> Any:
    """A merge patch from one value to another."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return after
    changed = {
        key: merge_difference(before.get(key), member)
        for key, member in after.items()
        if key not in before or not same(before[key], member)
    }
    return changed | dict.fromkeys(before.keys() - after.keys())


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a"], {"a": "c"}, {"a": "c"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ],
)
def test_merge_patch_follows_rfc_7386(target: Any, patch: Any, expected: Any) -> None:
    assert merge_patch(target, patch) == expected


@given(objects, objects)
def test_merge_patch_reaches_any_value_and_is_idempotent(before: dict[str, Any], wanted: dict[str, Any]) -> None:
    before, wanted = without_nulls(before), without_nulls(wanted)
    patch = merge_difference(before, wanted)
    untouched = copy.deepcopy(before)
    after = merge_patch(before, patch)
    assert same(after, wanted)
    assert same(merge_patch(after, patch), after)
    assert same(before, untouched), "the stored object was changed in place"


def pointers(value: Any, at: str = "") -> list[tuple[str, Any]]:
    """Every place in a value, with what is there."""
    found = [(at, value)]
    members: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        found += pointers(member, f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}")
    return found


@given(objects, st.data())
def test_json_patch_laws(target: dict[str, Any], data: st.DataObject) -> None:
    path, there = data.draw(st.sampled_from(pointers(target)))
    new = data.draw(values)
    untouched = copy.deepcopy(target)
    assert json_patch(target, [{"op": "test", "path": path, "value": there}]) is target
    replaced = json_patch(target, [{"op": "replace", "path": path, "value": new}])
    assert same(json_patch(replaced, [{"op": "replace", "path": path, "value": there}]), target)
    assert same(dict(pointers(replaced))[path], new)
    if path:
        removed = json_patch(target, [{"op": "remove", "path": path}])
        assert same(json_patch(removed, [{"op": "add", "path": path, "value": there}]), target)
    assert same(target, untouched), "the stored object was changed in place"


@given(values, values)
def test_json_patch_test_fails_exactly_when_values_differ(there: Any, expected: Any) -> None:
    operations = [{"op": "test", "path": "/v", "value": expected}, {"op": "add", "path": "/w", "value": 1}]
    if same(there, expected):
        assert json_patch({"v": there}, operations)["w"] == 1
    else:
        with pytest.raises(ApiFailure) as failure:
            json_patch({"v": there}, operations)
        assert failure.value.code == 422


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/absent"},
        {"op": "replace", "path": "/absent", "value": 1},
        {"op": "add", "path": "/absent/deeper", "value": 1},
        {"op": "add", "path": "/list/9", "value": 1},
        {"op": "add", "path": "/list/01", "value": 1},
        {"op": "test", "path": "/list/-", "value": None},
        {"op": "test", "path": "/one", "value": True},
        {"op": "add", "path": "/one"},
        {"op": "move", "from": "/map", "path": "/map/inner"},
    ],
)
def test_json_patch_that_does_not_apply_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(ApiFailure) as failure:
        json_patch({"one": 1, "list": [1], "map": {}}, [operation])
    assert failure.value.code == 422


def test_json_patch_test_for_null_holds_for_an_absent_member_as_in_the_real_server() -> None:
    assert json_patch({"a": {}}, [{"op": "test", "path": "/a/b", "value": None}]) == {"a": {}}


CONTAINERS = {
    "containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "1"}]
}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"containers": [{"name": "b", "image": "2"}]}, [CONTAINERS["containers"][0], {"name": "b", "image": "2"}]),
        ({"containers": [{"name": "c", "image": "3"}]}, [*CONTAINERS["containers"], {"name": "c", "image": "3"}]),
        ({"containers": [{"name": "a", "$patch": "delete"}]}, [CONTAINERS["containers"][1]]),
        ({"containers": [{"$patch": "replace"}, {"name": "z"}]}, [{"name": "z"}]),
        (
            {"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}]},
            [
                {"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
                CONTAINERS["containers"][1],
            ],
        ),
        (
            {
                "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
                "containers": [{"name": "b", "image": "2"}],
            },
            [{"name": "b", "image": "2"}, CONTAINERS["containers"][0]],
        ),
    ],
)
def test_strategic_merge_merges_lists_by_key(patch: Any, expected: Any) -> None:
    before = copy.deepcopy(CONTAINERS)
    assert strategic_merge(CONTAINERS, patch)["containers"] == expected
    assert before == CONTAINERS


def test_strategic_merge_of_atomic_lists_maps_and_directives() -> None:
    target = {
        "tolerations": [{"key": "a"}],
        "labels": {"env": "x", "b": "c"},
        "finalizers": ["a"],
        "strategy": {"x": 1},
    }
    patch = {
        "tolerations": [{"key": "b"}],
        "labels": {"env": None, "d": "e"},
        "finalizers": ["b", "a"],
        "strategy": {"$retainKeys": ["type"], "type": "Recreate"},
    }
    assert strategic_merge(target, patch) == {
        "tolerations": [{"key": "b"}],
        "labels": {"b": "c", "d": "e"},
        "finalizers": ["a", "b"],
        "strategy": {"type": "Recreate"},
    }


@given(objects)
def test_strategic_merge_equals_merge_patch_where_no_list_has_a_key(target: dict[str, Any]) -> None:
    patch = {"a": None, "b": {"c": 1, "d": None}, "c": [1]}
    assert same(strategic_merge(target, patch), merge_patch(target, patch))
