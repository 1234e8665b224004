"""The rule behind 'stopped', case by case, and the lists that prove many targets at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from killswitch_backends.kubernetes.kinds.deployment import Deployment
from killswitch_backends.kubernetes.listing import Query, queries_for
from killswitch_backends.kubernetes.pods import Pod
from killswitch_backends.kubernetes.proof import Ends, Look, Nodes, judge
from killswitch_backends.kubernetes.records import Selector, Workload
from killswitch_backends.kubernetes.resources import ObjectKey
from killswitch_backends.problems import Gone, Problem, Unreachable
from killswitch_backends.protocol import Accepted, Captured, Grade, Observation, Sight, Watch
from killswitch_inventory.agents import Health
from killswitch_inventory.targets import BackendRef

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = ObjectKey("payments", "Deployment", "refund-1")
TARGET = KEY.target(BackendRef("kubernetes", "prod"))
WATCH = Watch(
    Captured(TARGET, {"replicas": 3, "uid": "u"}, NOW),
    Accepted(TARGET, NOW, halted={"replicas": 0, "halt_id": "H1", "generation": 4}),
)
OFF = Workload(
    key=KEY,
    uid="u",
    version="9",
    generation=4,
    observed=4,
    claim=None,
    agent="",
    switch={"replicas": 0},
    annotated=True,
    mark=None,
    selector=Selector(),
    account="default",
    desired=0,
    ready=0,
    switched_by="keda",
    deleting=False,
)
POD = Pod(
    namespace="payments",
    name="refund-1-x",
    uid="p",
    owner=None,
    labels={},
    node="n1",
    over=False,
    running=True,
    health=Health.OK,
    ends_at=None,
    grace=30,
)
LEAVING = replace(POD, ends_at=NOW + timedelta(seconds=11))
READY = Nodes({"n1": True})
ENDED = Ends(told=1)


def _judge(
    workload: Workload | Problem = OFF,
    pods: Sequence[Pod] | Problem = (),
    nodes: Nodes = READY,
    *,
    seen: dict[str, str] | None = None,
    was_stopped: bool = False,
    ends: Ends = ENDED,
) -> Observation:
    look = Look(workload, pods, nodes, NOW)
    known = {"p": "n1"} if seen is None else seen
    return judge(WATCH, Deployment(), look, seen=known, was_stopped=was_stopped, ends=ends)


def test_nothing_left_on_ready_nodes_is_stopped() -> None:
    found = _judge()
    assert found.sight is Sight.STOPPED
    assert found.evidence is not None
    assert "resourceVersion 9" in found.evidence.detail
    assert "n1" in found.evidence.detail


GONE, LOST = Gone("here", "not found"), Unreachable("here", "HTTP 500")
STALE = replace(OFF, observed=3)
NEVER_SEEN = replace(OFF, observed=None)
REVIVED = replace(OFF, switch={"replicas": 2})


@pytest.mark.parametrize(
    ("workload", "pods", "nodes", "was_stopped", "sight", "words"),
    [
        (OFF, [LEAVING], READY, False, Sight.DRAINING, "1 of 1 pods terminating, 11 s of grace left"),
        (OFF, [POD, LEAVING], READY, False, Sight.DRAINING, "1 of 2 pods terminating"),
        (OFF, [replace(POD, over=True)], READY, False, Sight.STOPPED, ""),
        (
            OFF,
            [replace(LEAVING, ends_at=NOW - timedelta(seconds=30))],
            READY,
            False,
            Sight.DRAINING,
            "past their grace",
        ),
        (OFF, [LEAVING], Nodes({"n1": False}), False, Sight.UNKNOWN, "not ready"),
        (OFF, [], Nodes({"n1": False}), False, Sight.UNKNOWN, "not ready"),
        (OFF, [], Nodes({}), False, Sight.UNKNOWN, "gone from the API"),
        (OFF, [], Nodes({}, "forbidden"), False, Sight.STOPPED, ""),
        (OFF, [POD], READY, True, Sight.ACTING, "new pod refund-1-x"),
        (OFF, [LEAVING], READY, True, Sight.DRAINING, "terminating"),
        (STALE, [], READY, False, Sight.DRAINING, "controller"),
        (NEVER_SEEN, [], READY, False, Sight.DRAINING, "controller"),
        (replace(OFF, generation=3, observed=3), [], READY, False, Sight.DRAINING, "controller"),
        (REVIVED, [], READY, False, Sight.ACTING, "replicas is 2 again, set by keda"),
        (REVIVED, [POD], READY, True, Sight.ACTING, "replicas is 2 again"),
        (replace(OFF, switch={"replicas": None}), [], READY, False, Sight.ACTING, "replicas is None again"),
        (GONE, [], READY, False, Sight.STOPPED, "deleted"),
        (GONE, [LEAVING], READY, False, Sight.DRAINING, "terminating"),
        (GONE, [], Nodes({"n1": False}), False, Sight.UNKNOWN, "not ready"),
        (LOST, [], READY, False, Sight.UNKNOWN, "HTTP 500"),
        (OFF, LOST, READY, False, Sight.UNKNOWN, "HTTP 500"),
    ],
)
def test_what_a_look_means(
    workload: Workload | Problem,
    pods: Sequence[Pod] | Problem,
    nodes: Nodes,
    was_stopped: bool,
    sight: Sight,
    words: str,
) -> None:
    found = _judge(workload, pods, nodes, was_stopped=was_stopped)
    assert found.sight is sight
    assert words in found.note


@pytest.mark.parametrize(
    ("ends", "sight", "words"),
    [
        (
            Ends(forced=("a on node n1", "b on node n2")),
            Sight.UNKNOWN,
            "pod a on node n1 and 1 more was deleted by force",
        ),
        (Ends(strays=("a on node n1",)), Sight.DRAINING, "labels were changed"),
        (Ends(unseen=1, wait=12.0), Sight.DRAINING, "over in 12 s"),
        (Ends(unwatched=True, wait=0.5), Sight.DRAINING, "unwatched"),
        (Ends(unseen=1, wait=-1.0), Sight.STOPPED, ""),
        (Ends(told=2), Sight.STOPPED, ""),
    ],
)
def test_what_the_ends_of_pods_mean(ends: Ends, sight: Sight, words: str) -> None:
    found = _judge(ends=ends)
    assert found.sight is sight
    assert words in found.note


def test_what_went_unwatched_is_bounded_and_says_so() -> None:
    found = _judge(ends=Ends(told=1, unseen=1))
    assert found.evidence is not None
    assert found.evidence.grade is Grade.BOUNDED
    assert "1 pods ended by their nodes' report; others went unwatched" in found.evidence.detail


pods = st.lists(st.sampled_from([POD, LEAVING, replace(POD, over=True)]), max_size=3)
states = st.sampled_from([READY, Nodes({"n1": False}), Nodes({})])
workloads = st.sampled_from([OFF, STALE, REVIVED, GONE, LOST])
words = st.just(("p on node n1",)) | st.just(())
ends = st.builds(Ends, forced=words, strays=words, unseen=st.integers(0, 2), wait=st.floats(-5, 5))


@given(workloads, pods | st.just(LOST), states, st.booleans(), ends)
def test_stopped_never_without_an_empty_list_ready_nodes_and_known_ends(
    workload: Workload | Problem, found: list[Pod] | Problem, nodes: Nodes, was_stopped: bool, ends: Ends
) -> None:
    if _judge(workload, found, nodes, was_stopped=was_stopped, ends=ends).sight is Sight.STOPPED:
        assert ends == Ends(unseen=ends.unseen, wait=min(ends.wait, 0.0))
        assert workload in (OFF, GONE)
        assert not isinstance(found, Problem)
        assert all(pod.over for pod in found)
        assert nodes.ready.get("n1")


_labels = st.dictionaries(st.sampled_from("abc"), st.sampled_from([f"v{n}" for n in range(300)]), max_size=3)
_wanted = st.lists(st.tuples(st.sampled_from([f"ns-{n}" for n in range(14)]), _labels), max_size=40)


def _contains(query: Query, namespace: str, labels: dict[str, str]) -> bool:
    if query.namespace not in (None, namespace):
        return False
    key, _, values = query.selector.partition(" in ")
    return not query.selector or labels.get(key) in values.strip("()").split(",")


@given(_wanted, st.booleans())
def test_few_lists_cover_every_object_wanted(wanted: list[tuple[str, dict[str, str]]], everywhere: bool) -> None:
    queries = queries_for(wanted, everywhere=everywhere)
    for namespace, labels in wanted:
        assert any(_contains(query, namespace, labels) for query in queries)
    assert len(queries) <= (10 if everywhere else 14)


def test_too_many_values_for_one_request_are_a_whole_namespace() -> None:
    assert queries_for([("n", {"a": str(i)}) for i in range(200)], everywhere=True) == [Query("n")]
    assert queries_for([("n", {"a": "1"}), ("n", {"a": "2"})], everywhere=True) == [Query("n", "a in (1,2)")]
