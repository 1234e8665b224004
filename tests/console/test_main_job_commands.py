"""The main job through the commands that people type, as processes: JSON and exit codes of design.md section 5."""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from console_command import answer, console
from killswitch_backends.simulator.fleet import make_fleet
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from simulated import Simulated, eventually, running
from worldview import aws_client, difference, worldview

HALT_KEYS = {
    "halt_id", "scope", "environment", "drill", "profile", "reason", "incident", "invoker", "invoked_at",
    "elapsed_seconds", "slo_seconds", "slo_met", "verdict", "agents", "targets", "untouched", "collateral",
}  # fmt: skip
TARGET_KEYS = {
    "id", "agents", "backend", "layer", "state", "prior", "evidence", "accepted_seconds", "stopped_seconds",
    "attempts", "error",
}  # fmt: skip


async def test_agents_plan_halt_status_restore() -> None:
    async with running(agents=10, seed=5) as sim:
        await sim.all_acting()
        await asyncio.to_thread(untag_roles, sim)
        before = await asyncio.to_thread(worldview, sim)
        chosen = sim.specs[0].agent_class
        members = {spec.name for spec in sim.specs if spec.agent_class == chosen}

        agents = await answer(sim.config_path, "agents")
        assert {agent["name"] for agent in agents} == {spec.name for spec in sim.specs}
        assert all(agent["layers"] == ["process", "credential", "capability"] for agent in agents)
        hows = {binding["how"] for agent in agents for binding in agent["bindings"]}
        assert hows == {"label", "tag", "IRSA annotation", "execution role"}

        plan = await answer(sim.config_path, "plan", f"class:{chosen}")
        assert {name for target in plan["targets"] for name in target["agents"]} == members
        assert plan["collateral"] == []
        assert all(target["prior"] and target["action"] for target in plan["targets"])
        assert set(plan["api_calls"]) == set(plan["floor_seconds"])

        words = ("halt", f"class:{chosen}", "--reason", "runaway", "--incident", "INC-1", "--confirm", chosen)
        halt = await answer(sim.config_path, *words)
        assert set(halt) >= HALT_KEYS
        assert all(set(target) >= TARGET_KEYS for target in halt["targets"])
        assert halt["verdict"] == "stopped"
        assert {target["state"] for target in halt["targets"]} == {"stopped"}
        assert {target["evidence"]["grade"] for target in halt["targets"]} <= {"observed", "bounded"}
        assert {agent["state"] for agent in halt["agents"]} == {"stopped"}
        assert all(agent["halted"] for agent in await answer(sim.config_path, "agents", f"class:{chosen}"))

        assert await answer(sim.config_path, "status", halt["halt_id"]) | {"elapsed_seconds": 0} == halt | {
            "elapsed_seconds": 0
        }
        listed = await answer(sim.config_path, "status")
        assert [(h["halt_id"], h["held"]) for h in listed] == [(halt["halt_id"], True)]

        restored = await answer(sim.config_path, "restore", halt["halt_id"], "--reason", "fixed", "--confirm", chosen)
        assert restored["verdict"] == "restored"
        await eventually(lambda: not difference(before, worldview(sim)), within=10, every=0.3)
        assert [h["held"] for h in await answer(sim.config_path, "status")] == [False]
        await sim.all_acting()


def untag_roles(sim: Simulated) -> None:
    """Take the agent tags off all roles: what runs as them still ties them to their agents."""
    client = aws_client(sim, "iam")
    for spec in sim.specs:
        client.untag_role(RoleName=spec.role, TagKeys=["agent", "agent-class", "agent-tenant"])
    client.close()


def with_shared_role(agents: int) -> tuple[AgentSpec, ...]:
    """A fleet in which the first agent of one class uses the role of the first agent of another."""
    first, *rest = make_fleet(agents=agents, seed=1)
    other = next(spec for spec in rest if spec.agent_class != first.agent_class)
    return (replace(first, role=other.role), *rest)


async def test_a_shared_role_is_collateral_and_refused_until_it_is_accepted() -> None:
    async with running(specs=with_shared_role(6)) as sim:
        await sim.all_acting()
        first = sim.specs[0]
        words = ("halt", f"agent:{first.name}", "--reason", "test", "--confirm", "yes")
        refused = await console(sim.config_path, *words)
        assert refused.returncode == 3
        assert "--accept-collateral" in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
        await sim.all_acting()  # nothing was done
        halt = await answer(sim.config_path, *words, "--accept-collateral")
        assert halt["verdict"] == "stopped"
        assert [len(entry["agents"]) for entry in halt["collateral"]] == [1]


async def test_agents_without_a_process_layer_can_only_be_limited() -> None:
    async with running(agents=2, uncovered=6, seed=2) as sim:
        bare = next(s for s in sim.specs if s.runtime is Runtime.NONE and s.role)
        halt = await answer(
            sim.config_path, "halt", f"agent:{bare.name}", "--reason", "test", "--confirm", "yes", code=4
        )
        assert halt["verdict"] == "limited"
        assert [agent["state"] for agent in halt["agents"]] == ["limited"]
        assert bare.name in {name for entry in halt["untouched"] for name in entry["agents"]}
        agents = {agent["name"]: agent for agent in await answer(sim.config_path, "agents")}
        assert agents[bare.name]["uncovered"] == ["process"]


async def test_one_name_in_two_namespaces_is_two_targets() -> None:
    one = AgentSpec(
        name="refund-1", agent_class="refund", tenant="acme", runtime=Runtime.KUBERNETES, namespace="payments", grace=1
    )
    async with running(specs=[one]) as sim:
        await asyncio.to_thread(copy_deployment, sim, "payments", "refund-1", "elsewhere")
        plan = await answer(sim.config_path, "plan", "agent:refund-1")
        assert {target["id"] for target in plan["targets"]} == {
            "kubernetes:sim/payments/Deployment/refund-1",
            "kubernetes:sim/elsewhere/Deployment/refund-1",
        }
        halt = await answer(sim.config_path, "halt", "agent:refund-1", "--reason", "t", "--confirm", "yes")
        assert halt["verdict"] == "stopped"


def copy_deployment(sim: Simulated, namespace: str, name: str, to: str) -> None:
    """Make the same Deployment in another namespace, with kubectl."""
    kubeconfig = next(sim.tmp.glob("*/kubeconfig"))

    def kubectl(*words: str, text: str | None = None) -> str:
        command = ["kubectl", "--kubeconfig", str(kubeconfig), *words]
        return subprocess.run(command, input=text, check=True, capture_output=True, text=True, timeout=60).stdout

    found = json.loads(kubectl("get", "deployment", name, "-n", namespace, "-o", "json"))
    account = found["spec"]["template"]["spec"]["serviceAccountName"]
    labels = found["metadata"]["labels"]
    made = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": to}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": to}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": to, "labels": labels},
            "spec": found["spec"],
        },
    ]
    kubectl(
        "create", "--validate=false", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    )


@pytest.mark.skipif(not Path("/usr/bin/kubectl").exists(), reason="kubectl is not installed")
async def test_kubectl_sees_what_the_console_did() -> None:
    one = AgentSpec(
        name="refund-1", agent_class="refund", tenant="acme", runtime=Runtime.KUBERNETES, namespace="payments", grace=1
    )
    async with running(specs=[one]) as sim:
        await answer(sim.config_path, "halt", "agent:refund-1", "--reason", "t", "--confirm", "yes")
        kubeconfig = next(sim.tmp.glob("*/kubeconfig"))
        command = ["kubectl", "--kubeconfig", str(kubeconfig), "get", "deployment", "refund-1", "-n", "payments"]
        table = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
        assert "0/0" in table.stdout, table
