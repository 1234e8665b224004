"""What a restore would do and meet, asked of every simulated platform before anything is put back."""

from __future__ import annotations

import asyncio
import json
import tomllib
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from crashing import settings
from killswitch_backends.simulator.seams import Runtime
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.cli.restore_plans import show
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.restore_desk import NothingToRestore
from killswitch_console.halting.restore_plan import PlannedRestore, RestorePlan
from killswitch_console.halting.restore_plan_document import restore_plan_document
from killswitch_inventory.scopes import Scope
from simulated import Simulated, running


@asynccontextmanager
async def halted() -> AsyncIterator[tuple[Simulated, Engine, str]]:
    async with running(agents=4, seed=1) as sim, open_engine(settings(sim.config_path)) as engine:
        await engine.discover()
        plan = await engine.plan(Scope.parse("global"))
        record = await engine.halt(plan, invoker=current_invoker(), reason="test", accept_collateral=True, timeout=1.0)
        yield sim, engine, record.header.halt_id


def kubernetes(sim: Simulated, method: str, path: str, body: dict[str, Any]) -> None:
    """What an administrator does."""
    table = tomllib.loads(sim.config_path.read_text())["kubernetes"][0]
    config = yaml.safe_load(Path(table["kubeconfig"]).read_text())
    request = urllib.request.Request(
        config["clusters"][0]["cluster"]["server"] + path,
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {config['users'][0]['user']['token']}",
            "Content-Type": "application/json" if method == "POST" else "application/merge-patch+json",
        },
        method=method,
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def of(plan: RestorePlan, kind: str) -> list[PlannedRestore]:
    return [target for target in plan.targets if target.target.backend.kind == kind]


async def test_everything_that_stands_in_the_way_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async with halted() as (sim, engine, halt_id):
        before = sim.counts()
        plan = await engine.plan_restore(halt_id, reader=current_invoker())
        assert all(target.comes_back for target in plan.targets)
        assert all(target.action for target in plan.targets)
        assert plan.stages[0].name.startswith("canary ")
        assert any("asynchronous events" in told for t in of(plan, "lambda") for told in t.backlog)

        spec = sim.spec(Runtime.KUBERNETES)
        one = next(t for t in of(plan, "kubernetes") if t.target.path.endswith(f"/{spec.name}"))
        namespace, _, name = one.target.path.split("/")
        scale = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
        await asyncio.to_thread(kubernetes, sim, "PATCH", scale, {"spec": {"replicas": 9}})
        others = [t for t in of(plan, "kubernetes") if t is not one]
        place = others[0].target.path.split("/")[0]
        quota = {"metadata": {"name": "small", "namespace": place}, "spec": {"hard": {"pods": "0"}}}
        quota |= {"apiVersion": "v1", "kind": "ResourceQuota"}
        await asyncio.to_thread(kubernetes, sim, "POST", f"/api/v1/namespaces/{place}/resourcequotas", quota)
        sim.faults.add(operation="launchdarkly.patch", kind="error", status=403)
        plan = await engine.plan_restore(halt_id, reader=current_invoker())

        changed = next(t for t in plan.targets if t.target == one.target)
        assert [(c.field, c.expected, c.found) for c in changed.changes] == [("replicas", 0, 9)]
        short = next(t for t in plan.targets if t.target == others[0].target)
        assert "quota small" in short.obstacles[0]
        assert all("403" in flag.obstacles[0] for flag in of(plan, "launchdarkly"))
        told = restore_plan_document(plan)
        assert told["comes_back"] < len(plan.targets)
        assert {t["id"] for t in told["targets"] if not t["comes_back"]} >= {str(one.target), str(others[0].target)}
        show(plan, as_json=False)
        said = capsys.readouterr().out
        assert "quota small" in said
        assert "the halt left 0, found 9" in said
        with pytest.raises(NothingToRestore):
            await engine.plan_restore(halt_id, reader=current_invoker(), only=Scope.parse("agent:nobody"))
        asked = {op for op, count in sim.counts().items() if count != before.get(op)}
        changing = ("lambda.Put", "lambda.Update", "lambda.Delete", "iam.Put", "iam.Delete", "iam.Attach", "iam.Detach")
        assert not [op for op in asked if op.startswith(changing)]
