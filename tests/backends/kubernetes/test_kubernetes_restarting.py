"""An API server killed in the middle of a halt of many, or of its restore, and started again: nothing is lost by it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from disposable_cluster import REAL, Disposable
from engine_runs import INVOKER
from killswitch_backends.kubernetes.coming_back import LOADING_SECONDS, ComingBack
from killswitch_backends.kubernetes.failures import Answer, Forbidden
from killswitch_backends.problems import Refused, Unauthenticated, Unreachable
from killswitch_console.halting.engine import Engine
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from kubernetes_table import agent, comparable
from kubernetes_workloads import path
from restarting import IMPOSSIBLE, PATCHES_REFUSED, Restart, answered, restartable
from simulated import eventually
from virtual_loop import run

COUNT = 40 if REAL else 120
FLEET = [agent(f"refund-{n}", replicas=1, grace=0.4, role=None, tick=1.0) for n in range(COUNT)]
SLOWLY: dict[str, Any] = {"operation": "kubernetes.patch", "kind": "latency", "seconds": 0.3}
"""So that the first answers are there while others are awaited and others not yet sent."""


def deployments(cluster: Disposable) -> dict[str, dict[str, Any]]:
    return {
        item["metadata"]["name"]: comparable(item) for item in cluster.admin.call("GET", path("Deployment"))["items"]
    }


def at_zero(cluster: Disposable) -> int:
    return sum(item["spec"]["replicas"] == 0 for item in deployments(cluster).values())


def slowly(cluster: Disposable) -> None:
    if cluster.sim:
        cluster.sim.faults.clear()
        cluster.sim.faults.add(**SLOWLY)


async def halted(cluster: Disposable, engine: Engine, restart: Restart | None = None) -> HaltRecord:
    """Halt all; once the first of them are at zero, the server is restarted."""
    slowly(cluster)
    plan = await engine.plan(Scope.parse("class:refund"))
    halting = asyncio.create_task(engine.halt(plan, invoker=INVOKER, reason="drill", timeout=150))
    await eventually(lambda: at_zero(cluster) > 0, within=30)
    if restart:
        await restart()
    return await halting


@pytest.mark.skipif(bool(IMPOSSIBLE), reason=IMPOSSIBLE or "-")
@pytest.mark.long
async def test_a_server_killed_in_mid_halt_and_in_mid_restore_costs_nothing(tmp_path: Path) -> None:
    async with restartable(FLEET) as (cluster, restart), cluster.engine(tmp_path) as engine:
        before = deployments(cluster)
        record = await halted(cluster, engine, restart)
        if cluster.sim:
            refused = [one for one in cluster.sim.requests("kubernetes.patch") if one["status"] == 403]
            assert len(refused) >= PATCHES_REFUSED
        assert record.verdict is Verdict.STOPPED
        assert all(target.evidence and target.evidence.grade.proves for target in record.targets)
        assert await answered(lambda: (at_zero(cluster), cluster.acting("agent-class=refund"))) == (COUNT, [])
        slowly(cluster)
        words: dict[str, Any] = {"invoker": INVOKER, "reason": "over", "timeout": 150}
        restoring = asyncio.create_task(engine.restore(record.header.halt_id, **words))
        await eventually(lambda: at_zero(cluster) < COUNT, within=30)
        await restart()
        restored = await restoring
        assert restored.verdict is Verdict.RESTORED
        assert await answered(lambda: deployments(cluster)) == before


def answer(status: int, message: str) -> Answer:
    return Answer(status, {}, f'{{"kind":"Status","code":{status},"message":"{message}"}}'.encode())


NO_RIGHT = answer(403, "deployments.apps is forbidden: User oncall cannot patch resource deployments in API group apps")
NO_PATH = answer(403, "forbidden: User oncall cannot get path /apis")
NOBODY = answer(401, "Unauthorized")
WEBHOOK = answer(403, "admission webhook policy.example denied the request: frozen")


def test_a_right_that_is_missing_right_after_it_was_away_is_asked_for_again() -> None:
    async def main() -> None:
        back, where = ComingBack(), "kubernetes:prod"
        assert type(back.problem_of(where, NO_RIGHT)) is Forbidden
        back.away()
        for refusal in (NO_RIGHT, NO_PATH, NOBODY):
            problem = back.problem_of(where, refusal)
            assert type(problem) is Unreachable
            assert "may not have loaded yet" in str(problem)
        assert type(back.problem_of(where, WEBHOOK)) is Refused
        await asyncio.sleep(LOADING_SECONDS + 1)
        assert type(back.problem_of(where, NO_RIGHT)) is type(back.problem_of(where, NO_PATH)) is Forbidden
        assert type(back.problem_of(where, NOBODY)) is Unauthenticated

    run(main)


@pytest.mark.parametrize(("status", "away"), [(500, False), (502, True), (503, True), (504, False), (429, False)])
def test_only_who_is_nobody_is_away(status: int, away: bool) -> None:
    """A webhook that times out is a 500, and no reason to doubt what is said about rights."""

    async def main() -> None:
        back = ComingBack()
        back.problem_of("kubernetes:prod", answer(status, "x"))
        assert (type(back.problem_of("kubernetes:prod", NO_RIGHT)) is Unreachable) == away

    run(main)
