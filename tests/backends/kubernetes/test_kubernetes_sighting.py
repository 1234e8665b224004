"""What the fleet is told: everything once, then changes, through every way a watch can break."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import ValidationError

from killswitch_backends.kubernetes import KIND
from killswitch_backends.problems import Unauthenticated, Unreachable
from killswitch_backends.protocol import Backend
from killswitch_inventory.agents import Health, How
from killswitch_inventory.sightings import ListingComplete, ListingStarted, SightingFailed, TargetGone, TargetSighting
from kubernetes_table import Admin, agent, halted, opened, reading, sighting, sights_of, table_of, target
from simulated import Simulated, eventually, running

ONE = target("refund-1")


@pytest.fixture
async def sim() -> AsyncIterator[Simulated]:
    specs = [agent("refund-1", replicas=2), agent("refund-2", replicas=1, namespace="sales", role=None)]
    async with running(specs=specs) as simulator:
        yield simulator


@pytest.fixture
async def backend(sim: Simulated) -> AsyncIterator[Backend]:
    async with opened(sim) as table:
        yield table


@pytest.fixture
def admin(sim: Simulated) -> Admin:
    return Admin(sim)


async def test_everything_is_told_between_start_and_completion(backend: Backend) -> None:
    async with sighting(backend) as sights:
        assert isinstance(sights.seen[0], ListingStarted)
        told = {item.target.path: item for item in sights.seen if isinstance(item, TargetSighting)}
    assert set(told) == {"payments/Deployment/refund-1", "sales/Deployment/refund-2"}
    one = told["payments/Deployment/refund-1"]
    (claim,) = one.claims
    assert (claim.agent, claim.agent_class, claim.tenant, claim.how) == ("refund-1", "refund", "acme", How.LABEL)
    assert [(r.identity, r.how) for r in one.runs_as] == [
        ("arn:aws:iam::111122223333:role/agents/refund-1-role", How.IRSA)
    ]
    assert told["sales/Deployment/refund-2"].runs_as == ()
    assert len(one.instances) == one.concurrency == 2
    assert all(instance.where for instance in one.instances)
    assert (one.health, one.off, one.mark) == (Health.OK, False, None)


async def test_changes_are_told_as_they_happen(backend: Backend, admin: Admin) -> None:
    async with sighting(backend) as sights:
        await halted(backend, ONE)
        marked = await sights.until(lambda item: sights_of(item, "refund-1") and item.mark)
        assert (marked.mark.halt_id, marked.mark.invoker, marked.off) == ("H1", "os:oncall", True)
        empty = await sights.until(lambda item: sights_of(item, "refund-1") and not item.instances)
        told = [item for item in sights.seen if sights_of(item, "refund-1")]
        assert any(instance.terminating for item in told for instance in item.instances)
        assert empty.health is Health.IDLE
        admin.delete("refund-1")
        gone = await sights.until(lambda item: isinstance(item, TargetGone))
        assert gone.target == ONE


async def test_a_role_that_is_attached_later_is_told(backend: Backend, admin: Admin) -> None:
    account = admin.deployment("refund-2", namespace="sales")["spec"]["template"]["spec"].get("serviceAccountName")
    name = account or "default"
    arn = "arn:aws:iam::111122223333:role/later"
    async with sighting(backend) as sights:
        body = {"metadata": {"name": name, "annotations": {"eks.amazonaws.com/role-arn": arn}}}
        path = "/api/v1/namespaces/sales/serviceaccounts"
        if account:
            admin.call("PATCH", f"{path}/{name}", body, content="application/merge-patch+json")
        else:
            admin.call("POST", path, {"apiVersion": "v1", "kind": "ServiceAccount", **body})
        told = await sights.until(lambda item: sights_of(item, "refund-2"))
        assert [r.identity for r in told.runs_as] == [arn]


async def test_only_the_configured_namespaces_are_seen(sim: Simulated) -> None:
    async with opened(sim, namespaces=["sales"]) as backend, sighting(backend) as sights:
        assert [i.target.path for i in sights.seen if isinstance(i, TargetSighting)] == ["sales/Deployment/refund-2"]
    assert not any(r["path"].endswith("/apis/apps/v1/deployments") for r in sim.requests("kubernetes.list"))


async def test_only_what_the_selector_says_is_an_agent(sim: Simulated) -> None:
    async with opened(sim, selector="agent=refund-1") as backend, sighting(backend) as sights:
        assert [i.target for i in sights.seen if isinstance(i, TargetSighting)] == [ONE]


async def test_a_watch_that_breaks_is_resumed_without_a_new_list(
    sim: Simulated, backend: Backend, admin: Admin
) -> None:
    sim.faults.add(operation="kubernetes.watch.deployments", kind="reset", count=1)
    async with sighting(backend) as sights:
        lists = sim.counts()["kubernetes.list.deployments"]
        await eventually(lambda: sim.counts()["kubernetes.watch.deployments"] >= 2)
        admin.scale("refund-1", 3)
        await sights.until(lambda item: sights_of(item, "refund-1") and item.facts["replicas"] == "3")
        assert sim.counts()["kubernetes.list.deployments"] == lists
        assert not any(isinstance(item, SightingFailed) for item in sights.seen)


async def test_a_version_that_is_too_old_is_listed_anew(sim: Simulated, backend: Backend, admin: Admin) -> None:
    sim.faults.add(operation="kubernetes.watch.deployments", kind="error", status=410, count=1)
    async with sighting(backend) as sights:
        await eventually(lambda: sim.counts()["kubernetes.list.deployments"] >= 2)
        admin.scale("refund-1", 3)
        told = await sights.until(lambda item: sights_of(item, "refund-1") and item.facts["replicas"] == "3")
        assert told.target == ONE


async def test_a_watch_that_falls_silent_is_opened_anew(
    sim: Simulated, monkeypatch: pytest.MonkeyPatch, admin: Admin
) -> None:
    monkeypatch.setattr("killswitch_backends.kubernetes.mirror.source.SILENCE", 0.3)
    async with opened(sim) as backend, sighting(backend) as sights:
        await eventually(lambda: sim.counts()["kubernetes.watch.deployments"] >= 3)
        admin.scale("refund-1", 3)
        told = await sights.until(lambda item: sights_of(item, "refund-1") and item.facts["replicas"] == "3")
        assert told.target == ONE


async def test_a_cluster_that_fails_is_told_once_and_listed_anew_when_it_is_back(
    sim: Simulated, backend: Backend
) -> None:
    fault = sim.faults.add(operation="kubernetes.list.deployments", kind="error", status=503)
    async with reading(backend.sight()) as sights:
        failed = await sights.until(lambda item: isinstance(item, SightingFailed))
        assert "503" in failed.problem
        assert "kubernetes:sim" in failed.problem
        await eventually(lambda: sim.counts()["kubernetes.list.deployments"] >= 3)
        sim.faults.remove(fault)
        await sights.until(lambda item: isinstance(item, ListingComplete))
        assert sum(isinstance(item, SightingFailed) for item in sights.seen) == 1


async def test_watches_that_stay_broken_are_told_and_recovery_brings_a_new_listing(
    sim: Simulated, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("killswitch_backends.kubernetes.mirror.source.SILENCE", 0.3)
    async with sighting(backend) as sights:
        fault = sim.faults.add(operation="kubernetes.watch.pods", kind="reset")
        failed = await sights.until(lambda item: isinstance(item, SightingFailed))
        assert "kubernetes:sim" in failed.problem
        sim.faults.remove(fault)
        await sights.until(lambda item: isinstance(item, ListingComplete))
        assert sum(isinstance(item, ListingStarted) for item in sights.seen) == 2


async def test_without_the_right_to_pods_and_accounts_workloads_are_still_told(
    sim: Simulated, backend: Backend
) -> None:
    sim.faults.add(operation="kubernetes.list.pods", kind="error", status=403)
    sim.faults.add(operation="kubernetes.list.serviceaccounts", kind="error", status=403)
    async with sighting(backend) as sights:
        told = [item for item in sights.seen if isinstance(item, TargetSighting)]
        assert [(item.concurrency, item.health, item.instances) for item in told] == [
            (2, Health.OK, ()),
            (1, Health.OK, ()),
        ]
        assert sum(isinstance(item, SightingFailed) for item in sights.seen) == 2


async def test_lists_come_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("killswitch_backends.kubernetes.listing.PAGE", 4)
    specs = [agent(f"a-{n}", replicas=1) for n in range(10)]
    async with running(specs=specs) as sim, opened(sim) as backend, sighting(backend) as sights:
        assert sum(isinstance(item, TargetSighting) for item in sights.seen) == 10
        assert sim.counts()["kubernetes.list.deployments"] == 3


async def test_two_readers_share_one_set_of_watches(sim: Simulated, backend: Backend) -> None:
    async with sighting(backend), sighting(backend):
        assert sim.counts()["kubernetes.list.deployments"] == 1


async def test_who_we_are_is_the_clusters_word(sim: Simulated, backend: Backend) -> None:
    identity = await backend.identity()
    assert identity.name == "oncall@simulator"
    assert "oncall" in identity.related
    assert identity.account == f"{sim.url}/kubernetes"


async def test_a_cluster_without_self_reviews_leaves_the_kubeconfigs_word(sim: Simulated, backend: Backend) -> None:
    sim.faults.add(operation="kubernetes.create.selfsubjectreviews", kind="error", status=404)
    assert (await backend.identity()).name == "operator (by kubeconfig)"


async def test_a_closed_port_is_unreachable(sim: Simulated) -> None:
    config = sim.tmp / "elsewhere"
    config.write_text(
        "{current-context: a, contexts: [{name: a, context: {cluster: a}}],"
        " clusters: [{name: a, cluster: {server: 'http://127.0.0.1:9'}}]}"
    )
    async with opened(sim, kubeconfig=str(config), context=None) as backend:
        with pytest.raises(Unreachable):
            await backend.identity()


async def test_a_wrong_token_is_not_authenticated_and_not_repeated(sim: Simulated) -> None:
    config = sim.tmp / "wrong"
    known = (sim.config_path.parent / table_of(sim)["kubeconfig"]).read_text()
    config.write_text(known.replace("simulated-cluster-token", "hunter2hunter2"))
    async with opened(sim, kubeconfig=str(config)) as backend:
        with pytest.raises(Unauthenticated) as raised:
            await backend.identity()
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a/b"},
        {"name": ""},
        {"namespaces": ["../kube-system"]},
        {"namespaces": "payments"},
        {"replicas": 3},
        {"kubeconfig": 7},
    ],
)
def test_a_table_with_wrong_keys_or_values_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        KIND.settings.model_validate({"name": "prod"} | wrong)
