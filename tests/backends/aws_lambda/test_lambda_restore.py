"""What comes back after a halt, field by field; and what a restore of many does where one has no room any more."""

from __future__ import annotations

import os
from typing import Any

from aws_asking import halted, opened, order, patiently
from aws_servers import Names, Server
from killswitch_backends.aws_lambda import KIND
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.progress import TargetState
from killswitch_inventory.scopes import Scope
from simulated import eventually, running
from worldview import aws_client


def has_provisioned(server: Server) -> bool:
    """moto 5.2 answers NotImplemented, ministack 1.5 cannot list it; an account may be one of them in a rehearsal."""
    return server.kind == "simulator" or (server.kind == "real" and not os.environ.get("AWS_ENDPOINT_URL"))


def fields(server: Server, name: str, mapping: str) -> dict[str, Any]:
    """Every field that a halt of a function changes, as AWS tells it."""
    client = server.client("lambda")
    concurrency = client.get_function_concurrency(FunctionName=name)
    return {
        "reserved": concurrency.get("ReservedConcurrentExecutions"),
        "provisioned": provisioned(server, name),
        "feeding": client.get_event_source_mapping(UUID=mapping)["State"] in ("Enabled", "Enabling"),
        "tags": client.get_function(FunctionName=name).get("Tags", {}),
    }


def provisioned(server: Server, name: str) -> dict[str, int] | None:
    if not has_provisioned(server):
        return None
    found = server.client("lambda").get_provisioned_concurrency_config(FunctionName=name, Qualifier="live")
    return {"live": found["RequestedProvisionedConcurrentExecutions"]}


def a_rich_function(server: Server) -> tuple[str, str]:
    """One with a reservation, provisioned concurrency, an event source and tags; its name and the mapping's id."""
    name, client = Names.new("agent"), server.client("lambda")
    server.make_function(name, server.make_role(Names.new("role")), tags={"agent": "refund-1", "owner": "ada"})
    version = client.publish_version(FunctionName=name)["Version"]
    client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=7)
    if has_provisioned(server):
        client.put_provisioned_concurrency_config(
            FunctionName=name, Qualifier="live", ProvisionedConcurrentExecutions=2
        )
    return name, server.feed(name, Names.new("queue"))


async def test_everything_a_halt_changed_reads_as_before(server: Server) -> None:
    name, mapping = a_rich_function(server)
    before = fields(server, name, mapping)
    async with opened(KIND, server.functions()) as backend:
        watch = await halted(backend, name)
        client = server.client("lambda")
        assert client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 0
        if has_provisioned(server):
            assert watch.captured.prior["provisioned"] == {"live": 2}
        await patiently(lambda: backend.restore(watch, order()))
    await eventually(lambda: fields(server, name, mapping) == before)


async def test_one_without_room_is_named_with_what_to_do_and_the_others_come_back() -> None:
    specs = [AgentSpec(name=f"a{n}", agent_class="c", tenant="t", runtime=Runtime.LAMBDA, timeout=1) for n in range(3)]
    async with running(specs=specs) as sim:
        functions = aws_client(sim, "lambda")
        functions.put_function_concurrency(FunctionName="a1", ReservedConcurrentExecutions=100)
        async with open_engine(engine_settings(load_configuration(sim.config_path))) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("class:c"))
            record = await engine.halt(plan, invoker=current_invoker(), reason="test", accept_collateral=True)
            room = functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
            role = "arn:aws:iam::111122223333:role/service-role/basic-execution"
            functions.create_function(
                FunctionName="thief", Runtime="python3.13", Role=role, Handler="a.b", Code={"ZipFile": b"x"}
            )
            functions.put_function_concurrency(FunctionName="thief", ReservedConcurrentExecutions=room - 100)
            back = await engine.restore(record.header.halt_id, invoker=current_invoker(), reason="test")
    found = {target.target.path: target for target in back.targets if target.target.backend.kind == "lambda"}
    assert back.verdict == "incomplete"
    assert found["a0"].state is found["a2"].state is TargetState.RESTORED
    assert found["a1"].state is TargetState.FAILED
    assert "free 100 executions" in found["a1"].error
    assert "then restore again" in found["a1"].error
