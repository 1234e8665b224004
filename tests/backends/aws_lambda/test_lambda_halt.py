"""Halting, proving and restoring functions, on every server: what a person relies on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aws_asking import captured, found, halted, listed, opened, order, patiently, planned, seen
from aws_servers import Names, Server
from killswitch_backends.aws_lambda import KIND
from killswitch_backends.problems import Changed, Conflict, Gone
from killswitch_backends.protocol import Accepted, Failure, Grade, Sight, Watch
from killswitch_inventory.agents import How
from killswitch_inventory.targets import TargetId


def make(server: Server, *, reserved: int | None = None, **tags: str) -> str:
    """A function of its own for one test."""
    name = Names.new("agent")
    server.make_function(name, server.make_role(Names.new("role")), tags=tags)
    if reserved is not None:
        server.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    return name


def reserved_now(server: Server, name: str) -> int | None:
    answer = server.client("lambda").get_function_concurrency(FunctionName=name)
    found = answer.get("ReservedConcurrentExecutions")
    return None if found is None else int(found)


def everything(server: Server, name: str, *mappings: str) -> dict[str, Any]:
    """Every field a halt may touch, as AWS tells it."""
    client = server.client("lambda")
    feeding = {uuid: client.get_event_source_mapping(UUID=uuid)["State"] for uuid in mappings}
    tags = client.get_function(FunctionName=name).get("Tags", {})
    enabled = {uuid: state in ("Enabled", "Enabling") for uuid, state in feeding.items()}
    return {"reserved": reserved_now(server, name), "tags": tags, "enabled": enabled}


async def test_a_function_is_stopped_with_proof_and_comes_back_field_by_field(server: Server) -> None:
    name = make(server, reserved=5, agent="refund-1")
    mapping = server.feed(name, Names.new("queue"))
    before = everything(server, name, mapping)
    async with opened(KIND, server.functions()) as backend:
        watch = await halted(backend, name)
        assert everything(server, name, mapping)["reserved"] == 0
        assert not everything(server, name, mapping)["enabled"][mapping]
        proof = await seen(backend, watch, Sight.STOPPED)
        assert proof.evidence is not None
        assert proof.evidence.grade is Grade.BOUNDED
        assert watch.accepted.bound is not None
        assert watch.accepted.bound <= proof.evidence.at
        await patiently(lambda: backend.restore(watch, order()))
    assert everything(server, name, mapping) == before


@pytest.mark.parametrize("reserved", [None, 3])
async def test_a_prior_reservation_comes_back_and_none_is_not_a_number(server: Server, reserved: int | None) -> None:
    name = make(server, reserved=reserved)
    async with opened(KIND, server.functions()) as backend:
        watch = await halted(backend, name)
        assert watch.captured.prior["reserved"] == reserved
        assert reserved_now(server, name) == 0
        await patiently(lambda: backend.restore(watch, order()))
    assert reserved_now(server, name) == reserved


def changed(accepted: Accepted) -> dict[str, Any]:
    """The fields as a halt left them, but for its mark: that holds the time of the order, and each here is another."""
    return {field: value for field, value in accepted.halted.items() if field != "mark"}


async def test_a_halt_repeated_after_a_lost_answer_changes_nothing_more(server: Server) -> None:
    name = make(server, reserved=2)
    async with opened(KIND, server.functions()) as backend:
        watch = await halted(backend, name)
        again = await backend.halt(watch.captured, order())
        assert changed(again) == changed(watch.accepted)
    async with opened(KIND, server.functions()) as elsewhere:  # another bastion, without any memory of it
        assert changed(await elsewhere.halt(watch.captured, order())) == changed(watch.accepted)
    assert reserved_now(server, name) == 0


async def test_another_bastion_finds_the_halt_and_can_undo_it(server: Server) -> None:
    name = make(server, reserved=4, agent="a")
    mapping = server.feed(name, Names.new("queue"))
    before = everything(server, name, mapping)
    async with opened(KIND, server.functions()) as backend:
        watch = await halted(backend, name, halt_id="halt-abc")
    async with opened(KIND, server.functions()) as elsewhere:
        sighting = (await listed(elsewhere))[name]
        assert sighting.mark is not None
        assert (sighting.mark.halt_id, sighting.mark.invoker) == ("halt-abc", "os:ada")
        found = await captured(elsewhere, watch.target)
        assert found.marked_by == "halt-abc"
        assert found.prior == watch.captured.prior
        theirs = Watch(found, replace(watch.accepted, halted={}))
        await patiently(lambda: elsewhere.restore(theirs, order("halt-abc")))
    assert everything(server, name, mapping) == before


async def test_a_restore_touches_nothing_that_somebody_changed(server: Server) -> None:
    name = make(server, reserved=5)
    async with opened(KIND, server.functions()) as backend:
        watch = await halted(backend, name)
        server.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=7)
        with pytest.raises(Conflict) as conflict:
            await patiently(lambda: backend.restore(watch, order()))
        assert [(change.field, change.found) for change in conflict.value.changes] == [("reserved", 7)]
        assert reserved_now(server, name) == 7


async def test_a_halt_does_not_replace_what_it_has_not_captured(server: Server) -> None:
    name = make(server, reserved=5)
    async with opened(KIND, server.functions()) as backend:
        before = await captured(backend, TargetId(backend.ref, name))
        server.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=6)
        with pytest.raises(Changed):
            await patiently(lambda: backend.halt(before, order()))
        assert reserved_now(server, name) == 6


async def test_a_revival_is_seen_and_asserted_again(server: Server) -> None:
    name = make(server)
    async with opened(KIND, server.functions()) as backend:
        watch = await halted(backend, name)
        server.client("lambda").delete_function_concurrency(FunctionName=name)
        observation = await seen(backend, watch, Sight.ACTING)
        assert "none" in observation.note
        await patiently(lambda: backend.halt(watch.captured, order()))
        assert reserved_now(server, name) == 0


async def test_functions_are_sighted_tagged_or_not_with_the_role_they_run_as(server: Server) -> None:
    tags = {"agent": "r-1", "agent-class": "refund", "agent-tenant": "acme"}
    tagged, untagged = make(server, **tags), make(server)
    async with opened(KIND, server.functions()) as backend:
        found = await listed(backend)
    (claim,) = found[tagged].claims
    assert (claim.agent, claim.agent_class, claim.tenant) == ("r-1", "refund", "acme")
    assert found[untagged].claims == ()
    (runs_as,) = found[untagged].runs_as
    assert runs_as.how is How.EXECUTION_ROLE
    assert ":role/agents/" in runs_as.identity


async def test_a_plan_says_what_would_be_done_and_what_it_costs(server: Server) -> None:
    name = make(server, reserved=5)
    server.feed(name, Names.new("queue"))
    async with opened(KIND, server.functions()) as backend:
        plan = await planned(backend, name)
    assert plan.action == "reserve 0 (was 5), disable 1 event source"
    assert plan.api_calls == 2
    assert any("dead-letter" in risk for risk in plan.risks)


async def test_a_function_that_does_not_exist_is_a_failure_of_its_own(server: Server) -> None:
    name = make(server)
    async with opened(KIND, server.functions()) as backend:
        targets = [TargetId(backend.ref, name), TargetId(backend.ref, "never-was")]
        results = {one.target.path: one for one in await found(backend, *targets)}
    failure = results["never-was"]
    assert isinstance(failure, Failure)
    assert isinstance(failure.problem, Gone)
    assert not isinstance(results[name], Failure)
