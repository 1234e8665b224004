"""The printed policy grants exactly what the backend asks of a cluster: compared with the requests it really makes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from killswitch_backends.kubernetes.policy import HALT, READ, policy
from killswitch_backends.problems import Refused
from killswitch_backends.protocol import Backend, Profile
from killswitch_backends.restores import ForeseesRestores
from killswitch_backends.simulator.kubernetes.access import Denial
from killswitch_backends.simulator.server import Simulator
from kubernetes_table import (
    Admin,
    accepted_anyhow,
    agent,
    capture,
    halted,
    is_stopped,
    observing,
    opened,
    order,
    sighting,
    target,
)
from kubernetes_workloads import API, DEFINITIONS, NAMESPACE, definition, manifest, path
from simulated import Simulated, eventually, running

CUSTOM = [kind for kind, api in API.items() if "." in api.partition("/")[0]]
WORKLOADS = ("StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")
CUSTOM_WORKLOADS = ("Rollout", "Sandbox", "InferenceService", "ScaledJob")
NODES = 20
_OF_EVERYBODY = ("selfsubjectreviews", "selfsubjectaccessreviews")


def granted(text: str) -> dict[str, set[tuple[str, str, str]]]:
    """Verb, group and resource that each role grants."""
    found: dict[str, set[tuple[str, str, str]]] = {}
    for document in yaml.safe_load_all(text):
        for rule in document.get("rules", ()):
            allowed = {(v, g, r) for v in rule["verbs"] for g in rule["apiGroups"] for r in rule["resources"]}
            found.setdefault(document["metadata"]["name"], set()).update(allowed)
    return found


def asked(sim: Simulated) -> set[tuple[str, str, str]]:
    """Verb, group and resource of every request that was made on objects."""
    found = set()
    for request in sim.requests("kubernetes.*"):
        _, verb, *resource = request["operation"].split(".", 2)
        if resource and resource[0] not in _OF_EVERYBODY:
            parts = request["path"].removeprefix("/kubernetes/").split("/")
            found.add((verb, "" if parts[0] == "api" else parts[1], resource[0]))
    return found


async def prepared(admin: Admin) -> None:
    """One of everything: each workload, each reviver."""
    for kind in CUSTOM:
        admin.call("POST", DEFINITIONS, definition(kind))
    for kind in CUSTOM:
        name = definition(kind)["metadata"]["name"]
        await eventually(lambda name=name: admin.call("GET", f"{DEFINITIONS}/{name}").get("status"))  # type: ignore[misc]
    for number in range(4, NODES + 1):  # with many nodes under its pods, the backend lists them
        admin.call("POST", "/api/v1/nodes", {"metadata": {"name": f"node-{number}"}, "spec": {}})
        admin.set_node_ready(f"node-{number}", ready=True)
    for kind in (*WORKLOADS, *CUSTOM_WORKLOADS, "Service"):
        admin.call("POST", path(kind), manifest(kind, f"{kind.lower()}-1"))
    scaled = {"kind": "Deployment", "name": "refund-1"}
    revivers: dict[str, dict[str, Any]] = {
        "HorizontalPodAutoscaler": {"scaleTargetRef": scaled, "minReplicas": 0, "maxReplicas": 3},
        "ScaledObject": {"scaleTargetRef": {"name": "refund-2"}},
        "Kustomization": {"interval": "60s"},
        "HelmRelease": {"interval": "60s"},
        "Application": {"syncPolicy": {"automated": {}}},
        "Agent": {"byo": {"deployment": {"replicas": 2}}},
    }
    admin.call("POST", "/api/v1/namespaces", {"metadata": {"name": "argocd"}})
    for kind, spec in revivers.items():
        namespace = "argocd" if kind == "Application" else NAMESPACE
        body = {"apiVersion": API[kind], "kind": kind, "metadata": {"name": "tool"}, "spec": spec}
        admin.call("POST", path(kind, namespace=namespace), body)
    flux = {"kustomize.toolkit.fluxcd.io/name": "tool", "kustomize.toolkit.fluxcd.io/namespace": NAMESPACE}
    helm = {"helm.toolkit.fluxcd.io/name": "tool", "helm.toolkit.fluxcd.io/namespace": NAMESPACE}
    owner = {"apiVersion": API["Agent"], "kind": "Agent", "name": "tool", "uid": "u", "controller": True}
    tracked = {"annotations": {"argocd.argoproj.io/tracking-id": "tool:x"}, "labels": flux | helm}
    admin.patch("refund-1", {"metadata": tracked})
    admin.patch("refund-3", {"metadata": {"ownerReferences": [owner]}})


async def all_that_it_does(sim: Simulated, admin: Admin, backend: Backend) -> None:
    """Halt, prove and restore one of everything, by force, in part, and one instance."""
    kinds = (*WORKLOADS, *CUSTOM_WORKLOADS)
    targets = [target(f"refund-{n}") for n in (1, 2, 3)] + [target(f"{kind.lower()}-1", kind=kind) for kind in kinds]
    async with sighting(backend):
        await backend.preflight(targets)
        (everywhere,) = await capture(backend, target("daemonset-1", kind="DaemonSet"))
        async with observing(backend, [accepted_anyhow(everywhere)]) as seen:
            await seen.until(lambda item: (item.running or 0) > NODES / 2)
        watches = await halted(backend, *targets[:-1])
        watches += await halted(backend, targets[-1], profile=Profile.FORCE)
        many = [target(f"many-{n}") for n in range(10)]
        watches += await halted(backend, *many)
        async with observing(backend, watches) as seen:
            done: set[Any] = set()
            while len(done) < len(watches):
                done.add((await seen.until(is_stopped)).target)
        assert isinstance(backend, ForeseesRestores)
        await backend.foresee(watches, order())
        for watch in watches:
            await backend.restore(watch, order())
        one = admin.pods(selector="agent=refund-4")[0]["metadata"]["name"]
        (watch,) = await halted(backend, target(one, kind="Pod"))
        await backend.restore(watch, order())


async def test_the_policy_grants_exactly_what_is_asked_for() -> None:
    fleet = [agent(f"refund-{n}") for n in (1, 2, 3, 4)] + [agent(f"many-{n}", replicas=1) for n in range(10)]
    async with running(specs=fleet) as sim:
        admin = Admin(sim)
        await prepared(admin)
        sim.forget_requests()
        async with opened(sim) as backend:
            await all_that_it_does(sim, admin, backend)
        used = asked(sim)
    roles = granted(policy())
    allowed = roles[READ] | roles[HALT]
    assert (sorted(used - allowed), sorted(allowed - used)) == ([], [])


def test_the_role_that_reads_changes_nothing_and_the_one_that_halts_reads_nothing() -> None:
    roles = granted(policy())
    assert {verb for verb, _, _ in roles[READ]} == {"get", "list", "watch"}
    assert {verb for verb, _, _ in roles[HALT]} == {"patch", "delete", "create"}
    assert not [resource for _, _, resource in roles[READ] | roles[HALT] if "secret" in resource or resource == "*"]


def test_a_policy_for_namespaces_keeps_to_them() -> None:
    documents = list(yaml.safe_load_all(policy(["payments", "ledger"], group="oncall")))
    local = [document for document in documents if document["kind"] == "Role"]
    assert {document["metadata"]["namespace"] for document in local} == {"payments", "ledger"}
    cluster = [document for document in documents if document["kind"] == "ClusterRole"]
    assert {r for document in cluster for rule in document["rules"] for r in rule["resources"]} == {
        "nodes",
        "customresourcedefinitions",
    }
    subjects = [document["subjects"][0]["name"] for document in documents if "subjects" in document]
    assert set(subjects) == {"oncall"}


@pytest.fixture
def no_patch() -> Denial:
    return Denial(verb="patch", resource="deployments")


async def test_without_the_right_to_mark_scale_alone_still_halts_and_restores(no_patch: Denial) -> None:
    async with running(specs=[agent("refund-1", replicas=3)]) as sim, opened(sim) as backend:
        admin = Admin(sim)
        before = admin.deployment("refund-1")["metadata"].get("annotations")
        sim.inside(lambda simulator: _deny(simulator, no_patch))
        (watch,) = await halted(backend, target("refund-1"))
        assert "no right to mark" in watch.accepted.detail
        await backend.halt(watch.captured, order())
        async with observing(backend, [watch]) as seen:
            await seen.until(is_stopped)
        await backend.restore(watch, order())
        found = admin.deployment("refund-1")
        assert (found["spec"]["replicas"], found["metadata"].get("annotations")) == (3, before)


async def test_without_scale_either_it_is_refused_with_the_missing_right(no_patch: Denial) -> None:
    async with running(specs=[agent("refund-1")]) as sim, opened(sim) as backend:
        sim.inside(lambda simulator: _deny(simulator, no_patch))
        sim.inside(lambda simulator: _deny(simulator, Denial(verb="patch", resource="deployments/scale")))
        (captured,) = await capture(backend, target("refund-1"))
        with pytest.raises(Refused, match='cannot patch resource "deployments"'):
            await backend.halt(captured, order())


def _deny(simulator: Simulator, denial: Denial) -> None:
    (face,) = [face for face in simulator.faces if face.prefix == "/kubernetes"]
    face.access.deny(denial)  # type: ignore[attr-defined]
