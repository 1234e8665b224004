"""Selectors: the documented syntax, and that what is written reads back with the same meaning."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.failures import ApiFailure
from killswitch_backends.simulator.kubernetes.objects import Stored
from killswitch_backends.simulator.kubernetes.selectors import matcher, parse_labels, selects, written

names = st.sampled_from(["a", "b-c", "x.y/z", "tier"])
texts = st.sampled_from(["", "1", "front", "a.b_c"])
expressions = st.builds(
    lambda key, operator, values: (
        {"key": key, "operator": operator} | ({"values": values} if operator in ("In", "NotIn") else {})
    ),
    names,
    st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
    st.lists(texts.filter(bool), min_size=1, max_size=2),
)
selectors = st.fixed_dictionaries(
    {}, optional={"matchLabels": st.dictionaries(names, texts), "matchExpressions": st.lists(expressions, max_size=2)}
)


@given(selectors, st.dictionaries(names, texts))
def test_a_written_selector_means_the_same(selector: dict[str, Any], labels: dict[str, str]) -> None:
    assert all(test(labels) for test in parse_labels(written(selector))) is selects(selector, labels)


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("agent=a", {"agent": "a"}, True),
        ("agent==a,tier!=x", {"agent": "a"}, True),
        ("agent in (a, b)", {"agent": "b"}, True),
        ("agent notin (a,b),tier", {"agent": "c"}, False),
        ("agent notin (a,b)", {}, True),
        ("!agent", {"agent": "a"}, False),
        ("!agent", {}, True),
        ("agent!=a", {}, True),
        ("agent=", {"agent": ""}, True),
        ("agent=", {}, False),
    ],
)
def test_label_selectors(text: str, labels: dict[str, str], expected: bool) -> None:
    assert all(test(labels) for test in parse_labels(text)) is expected


@pytest.mark.parametrize("text", ["a=b=c", "=a", "a in b", "a b", "-a=b", "a,,b"])
def test_what_is_no_label_selector_is_refused(text: str) -> None:
    with pytest.raises(ApiFailure) as failure:
        parse_labels(text)
    assert failure.value.code == 400


def pod(name: str, node: str) -> Stored:
    value = {"metadata": {"name": name, "namespace": "n"}, "spec": {"nodeName": node}, "status": {"phase": "Running"}}
    return Stored(kinds.POD, value, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metadata.name=p", True),
        ("metadata.name!=p", False),
        ("spec.nodeName=node-1,status.phase==Running", True),
        ("spec.nodeName=node-2", False),
        ("metadata.namespace=n", True),
    ],
)
def test_field_selectors(text: str, expected: bool) -> None:
    matches = matcher("", text, kinds.POD)
    assert matches is not None
    assert matches(pod("p", "node-1")) is expected


def test_a_field_nobody_indexes_is_refused() -> None:
    with pytest.raises(ApiFailure) as failure:
        matcher("", "spec.replicas=1", kinds.DEPLOYMENT)
    assert failure.value.code == 400
