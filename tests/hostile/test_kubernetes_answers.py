"""An API server that sends nonsense: a pod runs all the time, so nothing it says may ever come out as stopped."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hostile.cluster import (
    DEPLOYMENTS,
    KEY,
    NODE,
    NOW,
    OFF,
    OTHER,
    PODS,
    REF,
    TARGET,
    Cluster,
    deployment,
    listed,
    opened,
    pod,
)
from hostile.liar import Liar, Reply
from hostile.strategies import JUNK, examples, on_the_wire, replaced, spoilt, wrong
from killswitch_backends.kubernetes.proof import judge
from killswitch_backends.kubernetes.resources import POD, ObjectKey
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Accepted, Backend, Captured, Observation, Sight, Watch
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.sightedness import Sightedness
from killswitch_inventory.sightings import ListingComplete, SightingFailed

WATCH = Watch(
    Captured(TARGET, {"replicas": 1, "uid": "u-refund-1", "resource_version": "7"}, NOW, running=1),
    Accepted(TARGET, NOW, halted={"replicas": 0, "halt_id": "H1", "generation": 2}),
)


async def seen(backend: Any) -> Observation:
    """What an independent look at the halted target comes to, long after its pod was seen for the first time."""
    from killswitch_backends.kubernetes.endings import Endings
    from killswitch_backends.kubernetes.pods import pod_of
    from killswitch_backends.kubernetes.proving import Prover

    now = 1000.0
    prover, reader = Prover(backend._api, backend._reader, lambda: NOW), backend._reader
    endings = Endings(WATCH, KEY, backend._mirror, lambda: now)
    endings.saw([pod_of(PODS["items"][0])])
    for _ in range(2):  # an observer looks again and again; what is gone without a word it reads by its name
        look = (await prover.look([KEY], ["n1"]))[KEY]
        endings.account(look)
        now += 3600.0
    for one in endings.doubtful():
        (answer,) = (await prover.by_name([ObjectKey(one.namespace, POD, one.name)])).values()
        if not isinstance(answer, Problem):
            endings.read(one.uid, answer[0] if answer else None)
    kind = reader.kinds["Deployment"]
    return judge(WATCH, kind, look, seen=endings.nodes, was_stopped=False, ends=endings.ends(look))


LIES = st.one_of(
    st.tuples(st.just("/api/v1/namespaces/payments/pods"), spoilt(PODS)),
    st.tuples(st.just(f"{DEPLOYMENTS}/refund-1"), spoilt(OFF)),
    st.tuples(st.just("/api/v1/nodes/n1"), spoilt(NODE)),
)


@examples(250)
@given(LIES)
@example(("/api/v1/namespaces/payments/pods", ((), {})))
@example(("/api/v1/namespaces/payments/pods", ((), {"kind": "Status", "code": 200, "metadata": {}})))
@example(("/api/v1/namespaces/payments/pods", ((), listed("Pod"))))
@example(("/api/v1/namespaces/payments/pods", ((), listed("Pod", pod("refund-1", owner="StatefulSet")))))
@example(("/api/v1/namespaces/payments/pods", ((), listed("Pod", pod("refund-1") | {"status": {}}))))
def test_no_nonsense_makes_a_running_agent_stopped(
    runner: asyncio.Runner, liar: Liar, backend: Backend, lie: tuple[str, tuple[Any, Any]]
) -> None:
    path, (_, document) = lie
    liar.answer = Cluster(**{path: document}).answer
    observation = runner.run(seen(backend))
    assert observation.sight is not Sight.STOPPED, observation


@pytest.mark.parametrize("path", [f"{DEPLOYMENTS}/refund-1", "/api/v1/namespaces/payments/pods"])
@pytest.mark.parametrize("body", JUNK, ids=range(len(JUNK)))
def test_an_answer_that_is_nothing_leaves_it_unknown(
    runner: asyncio.Runner, liar: Liar, backend: Backend, path: str, body: bytes
) -> None:
    liar.answer = Cluster(**{path: body}).answer
    assert runner.run(seen(backend)).sight is Sight.UNKNOWN


async def first_sight(kubeconfig: Path) -> tuple[Fleet, list[str]]:
    """The fleet after one whole listing on a connection of its own, and what was said to be out of sight."""
    fleet, problems, whole = Fleet(backends=[REF]), [], False
    async with opened(kubeconfig) as backend, aclosing(backend.sight()) as sights:
        while True:
            try:
                async with asyncio.timeout(0.15 if whole or problems else 5):
                    sighting = await anext(sights)
            except TimeoutError:
                return fleet, problems
            fleet.fold(sighting)
            whole = whole or isinstance(sighting, ListingComplete)
            if isinstance(sighting, SightingFailed):
                problems.append(sighting.problem)


def all_told(fleet: Fleet, problems: list[str], objects: int) -> bool:
    """Whether so many objects are in the fleet, or else it says that something is out of sight."""
    live = [view.sightedness is Sightedness.LIVE for view in fleet.backends]
    return len(fleet.sightings(REF)) == objects or (bool(problems) and not any(live))


@examples(12)
@given(spoilt(deployment("refund-1", replicas=1)))
@example(((), "no object"))
@example(((), {"metadata": {"name": "\x1b[2J"}}))
@example((("spec", "replicas"), replaced(deployment("refund-1", replicas=1), ("spec", "replicas"), False)))
def test_one_broken_object_hides_no_other_and_is_told(
    runner: asyncio.Runner, liar: Liar, kubeconfig: Path, lie: tuple[Any, Any]
) -> None:
    liar.answer = Cluster(**{DEPLOYMENTS: listed("Deployment", lie[1], deployment("refund-2", replicas=1))}).answer
    fleet, problems = runner.run(first_sight(kubeconfig))
    assert fleet.target(OTHER), problems
    assert all_told(fleet, problems, objects=2), (problems, fleet.sightings(REF))


@examples(6)
@given(spoilt(listed("Deployment")))
@example(((), {}))
@example((("items",), listed("Deployment") | {"items": {}}))
def test_what_is_no_list_is_not_an_empty_one(
    runner: asyncio.Runner, liar: Liar, kubeconfig: Path, lie: tuple[Any, Any]
) -> None:
    document = lie[1]
    liar.answer = Cluster(**{DEPLOYMENTS: document}).answer
    fleet, problems = runner.run(first_sight(kubeconfig))
    is_list = isinstance(document, dict) and document.get("items", 0) in ([], None)
    assert is_list or all_told(fleet, problems, objects=-1)


def event(kind: Any, item: Any) -> bytes:
    return on_the_wire({"type": kind, "object": item}) + b"\n"


GOOD = event("ADDED", deployment("refund-2", replicas=1))


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000 + b"\n",
        b"not json\n",
        b'"text"\n',
        event("MODIFIED", {"metadata": {"name": "refund-1", "namespace": "payments"}}),
        event("MODIFIED", {"metadata": None}),
        event("SHOUTED", deployment("refund-1", replicas=0)),
        event(None, deployment("refund-1", replicas=0)),
        event("ERROR", {"code": 10**400, "message": ["x"], "details": 5}),
        event("ERROR", "x"),
        event("BOOKMARK", {}),
        event("DELETED", {"metadata": {"name": "refund-1", "namespace": "other"}}),
        b"x" * 5_000_000 + b"\n",
    ],
    ids=range(12),
)
def test_a_watch_that_sends_nonsense_does_not_take_an_agent_away(
    runner: asyncio.Runner, liar: Liar, kubeconfig: Path, line: bytes
) -> None:
    """Nor what comes after it."""
    cluster = Cluster(**{DEPLOYMENTS: listed("Deployment", deployment("refund-1", replicas=1))})
    cluster.events[DEPLOYMENTS] = line
    liar.answer = cluster.answer
    liar.asked.clear()
    fleet, _ = runner.run(first_sight(kubeconfig))
    found = fleet.target(TARGET)
    assert found is not None
    assert not found.off
    asked = [one for one in liar.asked if one == f"GET {DEPLOYMENTS}"]
    assert len(asked) < 12, "a server that sends nonsense is asked again and again without a pause"


@pytest.mark.parametrize("body", [*JUNK, on_the_wire({"groups": 5}), on_the_wire({"kind": "APIGroupDiscoveryList"})])
def test_discovery_that_is_nonsense_is_told(runner: asyncio.Runner, liar: Liar, kubeconfig: Path, body: bytes) -> None:
    liar.answer = Cluster(**{"/apis": body, DEPLOYMENTS: listed("Deployment", deployment("r", replicas=1))}).answer
    fleet, problems = runner.run(first_sight(kubeconfig))
    assert all_told(fleet, problems, objects=1)


STATUS = {
    "kind": "Status",
    "status": "Failure",
    "message": "no",
    "reason": "Forbidden",
    "details": {"causes": [{"message": "x"}], "retryAfterSeconds": 1},
    "code": 403,
}


@examples(40)
@given(st.sampled_from([400, 401, 403, 404, 409, 410, 422, 429, 500, 503]), spoilt(STATUS), wrong)
@example(429, ((), {"details": {"retryAfterSeconds": 10**400}}), "9" * 400)
@example(422, ((), {"message": "test " * 500_000, "details": {"causes": 5}}), "")
def test_an_error_of_any_shape_is_a_problem_on_one_line(
    runner: asyncio.Runner, liar: Liar, backend: Backend, status: int, lie: tuple[Any, Any], retry: Any
) -> None:
    after = "".join(c for c in str(retry) if c.isascii() and c.isprintable())[:500]
    reply = Reply(on_the_wire(lie[1]), status, {"Content-Type": "application/json", "Retry-After": after})
    liar.answer = lambda _request, _body: reply
    with pytest.raises(Problem) as caught:
        runner.run(backend._api.get("/api/v1/nodes/n1"))  # type: ignore[attr-defined]
    assert len(str(caught.value)) < 1_000
    assert "\n" not in str(caught.value)


def test_an_answer_without_end_is_left(runner: asyncio.Runner, liar: Liar, backend: Backend) -> None:
    liar.answer = lambda _request, _body: Reply(b" " * (65 * 2**20), stays=True)
    with pytest.raises(Problem, match="more than 64 MiB"):
        runner.run(backend._api.get("/api/v1/nodes/n1"))  # type: ignore[attr-defined]


def test_a_list_without_end_is_left(runner: asyncio.Runner, liar: Liar, backend: Backend) -> None:
    page = listed("Pod") | {"metadata": {"resourceVersion": "1", "continue": "again"}}
    liar.answer = Cluster(**{"/api/v1/namespaces/payments/pods": page}).answer
    assert runner.run(seen(backend)).sight is Sight.UNKNOWN
