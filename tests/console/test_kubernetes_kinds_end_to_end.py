"""The console's own commands on a class that runs as everything Kubernetes has, and on one instance of many."""

from __future__ import annotations

from typing import Any

from console_command import answer, console
from kubernetes_table import Admin, agent, comparable
from kubernetes_workloads import manifest, path
from simulated import eventually, running

KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")


def _name(kind: str) -> str:
    return f"{kind.lower()}-1"


def _pods(admin: Admin, kind: str) -> list[Any]:
    return admin.pods(selector=f"agent={_name(kind)}")


async def test_a_class_of_all_kinds_stops_and_comes_back() -> None:
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": _name("Deployment")}
    autoscaler = {"scaleTargetRef": scaled, "minReplicas": 0, "maxReplicas": 4}
    hpa = {"metadata": {"name": "hpa", "annotations": {"simulator/wanted-replicas": "2"}}, "spec": autoscaler}
    async with running(specs=[agent("bystander-1", agent_class="other", role=None)]) as sim:
        admin = Admin(sim)
        for kind in KINDS:
            admin.call("POST", path(kind), manifest(kind, _name(kind)))
        admin.call("POST", path("HorizontalPodAutoscaler"), hpa)
        await eventually(lambda: all(_pods(admin, kind) for kind in KINDS if kind != "CronJob"))
        kept = [kind for kind in KINDS if kind != "Pod"]
        before = {kind: comparable(admin.call("GET", path(kind, _name(kind)))) for kind in kept}
        done = await answer(sim.config_path, "halt", "class:refund", "--reason", "drill", "--confirm", "refund")
        assert done["verdict"] == "stopped"
        assert {target["id"].split("/")[2] for target in done["targets"]} == set(KINDS)
        assert not any(_pods(admin, kind) for kind in KINDS)
        (pod,) = [target for target in done["targets"] if "/Pod/" in target["id"]]
        assert pod["prior"]["manifest"].startswith("sha256:")  # it has the container's environment
        await answer(sim.config_path, "restore", done["halt_id"], "--reason", "over", "--confirm", "refund")
        assert {kind: comparable(admin.call("GET", path(kind, _name(kind)))) for kind in kept} == before
        await eventually(lambda: all(_pods(admin, kind) for kind in KINDS if kind != "CronJob"))
        assert sim.truth()["bystander-1"]["running"] == 2


async def test_a_stubborn_operator_is_reported_revived() -> None:
    async with running(specs=[agent("refund-1", role=None)]) as sim:
        Admin(sim).patch("refund-1", {"metadata": {"annotations": {"simulator/keep-replicas": "2"}}})
        words = ("halt", "agent:refund-1", "--reason", "drill", "--confirm", "yes")
        done = await answer(sim.config_path, *words)
        assert done["verdict"] == "stopped"
        held = await console(sim.config_path, "status", done["halt_id"])
        assert held.returncode in (0, 4)
        await eventually(lambda: sim.truth()["refund-1"]["running"] > 0)
        again = await answer(sim.config_path, "resume", done["halt_id"])
        assert again["revivals"] >= 1, again
        assert again["targets"][0]["prior"]["replicas"] == 2
        assert again["verdict"] == "stopped"


async def test_one_instance_stops_alone() -> None:
    async with running(specs=[agent("refund-1", replicas=3)]) as sim:
        admin = Admin(sim)
        first = admin.pods(selector="agent=refund-1")[0]["metadata"]["name"]
        words = ("halt", f"instance:refund-1/{first}", "--reason", "it loops", "--confirm", "yes")
        done = await answer(sim.config_path, *words)
        assert done["verdict"] == "stopped"
        assert [target["id"] for target in done["targets"]] == [f"kubernetes:sim/payments/Pod/{first}"]
        (halted,) = done["agents"]
        assert (halted["name"], halted["state"]) == ("refund-1", "acting")
        assert halted["instances"] == [{"name": first, "state": "stopped", "layers": {"process": "stopped"}}]
        assert [left["reason"] for left in done["untouched"]] == [
            "2 other instances of it go on: only this one is halted"
        ]
        assert sim.truth()["refund-1"]["running"] == 2
        await sim.all_acting("refund-1")
        await answer(sim.config_path, "restore", done["halt_id"], "--reason", "over", "--confirm", "yes")
        await eventually(lambda: sim.truth()["refund-1"]["running"] == 3)
        refused = await console(sim.config_path, "plan", "instance:refund-1/nobody")
        assert refused.returncode == 2
