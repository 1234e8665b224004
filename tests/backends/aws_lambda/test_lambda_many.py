"""Several accounts and regions at once: each table has its own clients and its own failures; limits are shared."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import boto3

from aws_asking import opened
from aws_servers import Server
from killswitch_backends.aws_lambda import KIND
from killswitch_backends.aws_lambda.backend import LambdaBackend
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.progress import TargetState
from killswitch_inventory.scopes import Scope
from simulated import Simulated, running

ELSEWHERE = "us-east-1"


def agent(name: str) -> AgentSpec:
    return AgentSpec(name=name, agent_class="c", tenant="t", runtime=Runtime.LAMBDA, timeout=1, tick=0.2)


def table_of(sim: Simulated, **more: Any) -> dict[str, Any]:
    (table,) = tomllib.loads(sim.config_path.read_text())["lambda"]
    return {**table, **more}


def make_function_elsewhere(sim: Simulated) -> None:
    """A function in another region of the first account."""
    table = table_of(sim)
    session = boto3.Session(botocore_session=_session(table))
    client = session.client("lambda", region_name=ELSEWHERE, endpoint_url=table["endpoint_url"])
    client.create_function(
        FunctionName="far", Runtime="python3.13", Role="arn:aws:iam::111122223333:role/service-role/basic-execution",
        Handler="a.b", Timeout=1, Code={"ZipFile": b"x"},
        Tags={"agent": "far", "agent-class": "c", "agent-tenant": "t"},
    )  # fmt: skip
    client.close()


def _session(table: dict[str, Any]) -> Any:
    from killswitch_backends.aws_common.session import ServiceModels, open_session

    return open_session(KIND.settings.model_validate(table), ServiceModels())


def configuration(path: Path, *tables: dict[str, Any]) -> Path:
    lines = ['environment = "t"', f"state_dir = {json.dumps(str(path / 'state'))}"]
    for table in tables:
        lines += ["[[lambda]]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    (path / "config.toml").write_text("\n".join(lines))
    return path / "config.toml"


async def test_one_account_that_hangs_delays_no_other_account_or_region(tmp_path: Path) -> None:
    async with running(specs=[agent("near")]) as first, running(specs=[agent("lost")]) as second:
        make_function_elsewhere(first)
        config = configuration(
            tmp_path,
            table_of(first, name="near"),
            table_of(first, name="far", region=ELSEWHERE, earlier_timeout=0),
            table_of(second, name="second"),
        )
        async with open_engine(engine_settings(load_configuration(config))) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("class:c"))
            assert {t.target.backend.name for t in plan.targets} == {"near", "far", "second"}
            second.faults.add(operation="lambda", kind="hang")
            record = await engine.halt(plan, invoker=current_invoker(), reason="test", timeout=8)
        found = {t.target.backend.name: t for t in record.targets}
        assert found["near"].state is TargetState.STOPPED
        assert found["far"].state is TargetState.STOPPED
        assert found["second"].state is not TargetState.STOPPED
        stopped = [found[name].stopped_at for name in ("near", "far")]
        assert all(at is not None for at in stopped)


async def test_tables_of_one_account_and_region_share_one_budget(simulator: Server) -> None:
    async with (
        opened(KIND, simulator.functions(name="one")) as one,
        opened(KIND, simulator.functions(name="two", calls_per_second=10)) as two,
        opened(KIND, simulator.functions(name="far", region=ELSEWHERE)) as far,
    ):
        budgets = []
        for backend in (one, two, far):
            assert isinstance(backend, LambdaBackend)
            await backend.identity()
            await backend._api.client()
            budgets.append(backend._api.control)
    assert budgets[0] is budgets[1]
    assert budgets[0] is not budgets[2]
    assert budgets[0].ceiling == 10  # the smaller wish counts
