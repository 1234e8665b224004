"""One halt over accounts and regions that are really different: each its own identity, budget and failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aws_servers import REGION, STARTERS, Server
from killswitch_backends.aws_lambda.backend import LambdaBackend
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.progress import TargetState
from killswitch_inventory.scopes import Scope

FIRST, SECOND, SIMULATED = "123456789012", "210987654321", "111122223333"
WEST = "us-west-2"
TAGS = {"agent-class": "c", "agent-tenant": "t"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """moto, which keeps accounts apart by whose keys are used, and the simulator."""
    with ExitStack() as stack:
        yield tuple(  # type: ignore[misc]
            stack.enter_context(STARTERS[kind](tmp_path_factory.mktemp(kind))) for kind in ("moto", "simulator")
        )


def other_account(moto: Server, folder: Path) -> Server:
    """The same server with keys of a role in another account."""
    arn = f"arn:aws:iam::{SECOND}:role/oncall"
    keys = moto.client("sts").assume_role(RoleArn=arn, RoleSessionName="ada")["Credentials"]
    (folder / "aws-credentials").write_text(
        f"[test]\naws_access_key_id = {keys['AccessKeyId']}\naws_secret_access_key = {keys['SecretAccessKey']}\n"
        f"aws_session_token = {keys['SessionToken']}\n"
    )
    return Server("moto", moto.url, folder, keys["AccessKeyId"], keys["SecretAccessKey"])


def configuration(folder: Path, tables: list[dict[str, Any]]) -> Path:
    lines = ['environment = "t"', f"state_dir = {json.dumps(str(folder / 'state'))}"]
    for table in tables:
        lines += ["[[lambda]]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    (folder / "config.toml").write_text("\n".join(lines))
    return folder / "config.toml"


def reserved(server: Server, region: str, name: str) -> Any:
    answer = server.client("lambda", region).get_function_concurrency(FunctionName=name)
    return answer.get("ReservedConcurrentExecutions")


async def test_accounts_and_regions_stop_side_by_side_and_one_that_hangs_fails_alone(
    servers: tuple[Server, Server], tmp_path: Path
) -> None:
    moto, simulator = servers
    (tmp_path / "second").mkdir()
    second = other_account(moto, tmp_path / "second")
    places = {"near": (moto, REGION), "west": (moto, WEST), "second": (second, REGION), "lost": (simulator, REGION)}
    for name, (server, region) in places.items():
        tags = TAGS | {"agent": name}
        server.make_function(f"f-{name}", server.make_role(f"r-{name}"), tags=tags, region=region)
    tables = [server.functions(name=name, region=region) for name, (server, region) in places.items()]
    async with open_engine(engine_settings(load_configuration(configuration(tmp_path, tables)))) as engine:
        await engine.discover()
        plan = await engine.plan(Scope.parse("class:c"))
        accounts = {one.backend.name: one.account for one in plan.identities}
        assert accounts == {"near": FIRST, "west": FIRST, "second": SECOND, "lost": SIMULATED}
        simulator.sim.faults.add(operation="lambda", kind="hang")
        try:
            record = await engine.halt(plan, invoker=current_invoker(), reason="test", timeout=10)
        finally:
            simulator.sim.faults.clear()
        states = {target.target.backend.name: target.state for target in record.targets}
        assert states.pop("lost") is not TargetState.STOPPED
        assert states == dict.fromkeys(("near", "west", "second"), TargetState.STOPPED)
        buckets = {ref.name: id(backend._api.control) for ref, backend in engine.backends.items()
                   if isinstance(backend, LambdaBackend)}  # fmt: skip
        assert len(set(buckets.values())) == len(places)
    for name in ("near", "west", "second"):
        server, region = places[name]
        assert reserved(server, region, f"f-{name}") == 0
    second.close()
