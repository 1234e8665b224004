"""Lambda when things go wrong: throttles, lost answers, refusals, marks that cannot be written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from aws_asking import captured, halted, listed, met, opened, order, patiently, planned, seen
from aws_servers import Names, Server
from killswitch_backends.aws_lambda import KIND
from killswitch_backends.problems import Refused, Throttled, Unauthenticated, Unreachable
from killswitch_backends.protocol import Backend, Captured, Sight
from killswitch_inventory.sightings import ListingComplete, Sighting, SightingFailed, TargetSighting
from killswitch_inventory.targets import TargetId


@pytest.fixture
def faults(simulator: Server) -> Iterator[Any]:
    """The simulator's faults, lifted after the test."""
    yield simulator.sim.faults
    simulator.sim.faults.clear()


@pytest.fixture
def name(simulator: Server) -> str:
    name = Names.new("agent")
    simulator.make_function(name, simulator.make_role(Names.new("role")))
    return name


def reserved(simulator: Server, name: str) -> Any:
    answer = simulator.client("lambda").get_function_concurrency(FunctionName=name)
    return answer.get("ReservedConcurrentExecutions")


async def test_a_throttle_says_when_to_come_back_and_applies_nothing(simulator: Server, faults: Any, name: str) -> None:
    async with opened(KIND, simulator.functions()) as backend:
        before = await captured(backend, TargetId(backend.ref, name))
        faults.add(operation="lambda.PutFunctionConcurrency", kind="throttle", count=1, retry_after=2)
        throttled = await met(simulator, lambda: backend.halt(before, order()))
        assert isinstance(throttled, Throttled)
        assert throttled.retry_after == 2
        assert reserved(simulator, name) is None
        await patiently(lambda: backend.halt(before, order()))
    assert reserved(simulator, name) == 0


async def test_a_change_whose_answer_was_lost_is_found_applied(simulator: Server, faults: Any, name: str) -> None:
    async with opened(KIND, simulator.functions()) as backend:
        before = await captured(backend, TargetId(backend.ref, name))
        faults.add(operation="lambda.PutFunctionConcurrency", kind="reset-after-apply", count=1)
        assert isinstance(await met(simulator, lambda: backend.halt(before, order())), Unreachable)
        simulator.sim.forget_requests()
        accepted = await backend.halt(before, order())
        assert accepted.halted["reserved"] == 0
    assert "lambda.PutFunctionConcurrency" not in simulator.sim.counts()


async def test_a_mark_that_is_refused_does_not_fail_the_halt_and_is_said(
    simulator: Server, faults: Any, name: str
) -> None:
    faults.add(operation="lambda.TagResource", kind="error", status=403, code="AccessDeniedException")
    async with opened(KIND, simulator.functions()) as backend:
        watch = await halted(backend, name)
        observation = await seen(backend, watch, Sight.STOPPED)
        assert "no halt mark" in observation.note
        await patiently(lambda: backend.restore(watch, order()))
    assert reserved(simulator, name) is None


async def test_a_missing_right_is_named(simulator: Server, faults: Any, name: str) -> None:
    faults.add(operation="lambda.PutFunctionConcurrency", kind="error", status=403, code="AccessDeniedException")
    async with opened(KIND, simulator.functions()) as backend:
        before = await captured(backend, TargetId(backend.ref, name))
        refused = await met(simulator, lambda: backend.halt(before, order()))
        assert isinstance(refused, Refused)
        assert "lambda:PutFunctionConcurrency" in str(refused)


async def test_provisioned_concurrency_goes_first_and_comes_back(simulator: Server, name: str) -> None:
    client = simulator.client("lambda")
    version = client.publish_version(FunctionName=name)["Version"]
    client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=9)
    client.put_provisioned_concurrency_config(FunctionName=name, Qualifier="live", ProvisionedConcurrentExecutions=4)
    async with opened(KIND, simulator.functions()) as backend:
        plan = await planned(backend, name)
        assert "remove provisioned concurrency on live" in plan.action
        watch = await halted(backend, name)
        assert reserved(simulator, name) == 0
        assert watch.captured.prior["provisioned"] == {"live": 4}
        await patiently(lambda: backend.restore(watch, order()))
    configuration = client.get_provisioned_concurrency_config(FunctionName=name, Qualifier="live")
    assert configuration["RequestedProvisionedConcurrentExecutions"] == 4
    assert reserved(simulator, name) == 9


async def test_provisioned_concurrency_that_was_not_captured_is_captured_anew(simulator: Server, name: str) -> None:
    client = simulator.client("lambda")
    async with opened(KIND, simulator.functions()) as backend:
        before = await captured(backend, TargetId(backend.ref, name))
        version = client.publish_version(FunctionName=name)["Version"]
        client.put_provisioned_concurrency_config(
            FunctionName=name, Qualifier=version, ProvisionedConcurrentExecutions=2
        )
        with pytest.raises(Exception, match="provisioned concurrency appeared"):
            await patiently(lambda: backend.halt(before, order()))


async def test_a_function_that_was_off_before_stays_off_after_the_restore(simulator: Server, name: str) -> None:
    simulator.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    async with opened(KIND, simulator.functions()) as backend:
        watch = await halted(backend, name)
        assert watch.captured.already_off
        assert watch.captured.marked_by is None
        await patiently(lambda: backend.restore(watch, order()))
    assert reserved(simulator, name) == 0


async def test_the_longest_timeout_of_any_version_makes_the_bound(simulator: Server, name: str) -> None:
    client = simulator.client("lambda")
    client.update_function_configuration(FunctionName=name, Timeout=40)
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    client.publish_version(FunctionName=name)
    client.update_function_configuration(FunctionName=name, Timeout=2)
    async with opened(KIND, simulator.functions()) as backend:
        before = await captured(backend, TargetId(backend.ref, name))
    assert before.prior["timeout"] == 40


async def test_a_restore_that_the_account_has_no_room_for_says_what_to_do(
    simulator: Server, faults: Any, name: str
) -> None:
    client = simulator.client("lambda")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=100)
    async with opened(KIND, simulator.functions()) as backend:
        watch = await halted(backend, name)
        thief = Names.new("thief")
        simulator.make_function(thief, simulator.make_role(Names.new("role")))
        room = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] - 100
        client.put_function_concurrency(FunctionName=thief, ReservedConcurrentExecutions=room)
        with pytest.raises(Refused, match="free 100 executions"):
            await patiently(lambda: backend.restore(watch, order()))
        assert reserved(simulator, name) == 0
        client.delete_function_concurrency(FunctionName=thief)
        await patiently(lambda: backend.restore(watch, order()))
    assert reserved(simulator, name) == 100


async def test_a_tagging_api_that_refuses_costs_time_but_no_claims(simulator: Server, faults: Any, name: str) -> None:
    arn = simulator.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    simulator.client("lambda").tag_resource(Resource=arn, Tags={"agent": "found"})
    faults.add(operation="tagging", kind="error", status=403, code="AccessDeniedException")
    faults.add(operation="cloudwatch", kind="error", status=500)
    async with opened(KIND, simulator.functions()) as backend:
        sighting = (await listed(backend))[name]
    assert [claim.agent for claim in sighting.claims] == ["found"]
    assert "unknown" in sighting.facts["running"]


async def test_a_function_whose_tags_nobody_tells_is_never_taken_for_nobodys(
    simulator: Server, faults: Any, name: str
) -> None:
    """Listed without its tags it would be no agent's: a halt would leave it out, with Lambda said to be in sight."""
    arn = simulator.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    simulator.client("lambda").tag_resource(Resource=arn, Tags={"agent": "found"})
    tagging = faults.add(operation="tagging", kind="error", status=403, code="AccessDeniedException")
    reading = faults.add(operation="lambda.GetFunction", kind="error", status=403, code="AccessDeniedException")
    async with opened(KIND, simulator.functions()) as backend, aclosing(backend.sight()) as sights:
        async for sighting in sights:  # type: ignore[attr-defined]
            assert not isinstance(sighting, ListingComplete)
            if isinstance(sighting, TargetSighting):
                assert sighting.target.path != name
            if isinstance(sighting, SightingFailed):
                assert "whose they are is not known" in sighting.problem
                break
        faults.remove(reading)
        faults.remove(tagging)
        seen = [sighting async for sighting in until_complete(sights)]
    (found,) = [s for s in seen if isinstance(s, TargetSighting) and s.target.path == name]
    assert [claim.agent for claim in found.claims] == ["found"]


async def until_complete(sights: Any) -> AsyncIterator[Sighting]:
    async for sighting in sights:
        yield sighting
        if isinstance(sighting, ListingComplete):
            return


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"profile": "nobody"}, "nobody"),
        ({"credentials_file": "/nowhere/credentials"}, "profile"),
        ({"endpoint_url": "http://127.0.0.1:9"}, "127.0.0.1:9"),
    ],
)
async def test_a_table_that_cannot_work_says_why_and_goes_on(
    simulator: Server, change: dict[str, Any], words: str
) -> None:
    async with opened(KIND, simulator.functions(**change)) as backend:
        stream = backend.sight()
        async for sighting in stream:
            if isinstance(sighting, SightingFailed):
                assert words in sighting.problem
                break
        await stream.aclose()  # type: ignore[attr-defined]


async def test_wrong_credentials_are_unauthenticated(simulator: Server, name: str, tmp_path: Any) -> None:
    wrong = tmp_path / "credentials"
    wrong.write_text("[test]\naws_access_key_id = AKIANOBODYNOBODY0000\naws_secret_access_key = wrong\n")
    async with opened(KIND, simulator.functions(credentials_file=str(wrong))) as backend:
        with pytest.raises(Unauthenticated):
            await backend.identity()


async def until_busy(backend: Backend, before: Captured) -> None:
    """Halt until something but the account's own call limit stands in the way."""
    while True:
        try:
            await backend.halt(before, order())
        except Throttled as throttled:
            if "ResourceConflict" in str(throttled):
                raise


async def test_a_function_that_is_being_updated_is_halted_once_it_is_not(simulator: Server, name: str) -> None:
    async with opened(KIND, simulator.functions()) as backend:
        before = await captured(backend, TargetId(backend.ref, name))
        simulator.client("lambda").update_function_configuration(FunctionName=name, Description="new")
        with pytest.raises(Throttled, match="another change is under way") as busy:
            await until_busy(backend, before)
        assert busy.value.retry_after is not None
        await patiently(lambda: backend.halt(before, order()))
    assert reserved(simulator, name) == 0


async def test_a_timeout_after_the_change_was_applied_is_resolved_by_reading(
    simulator: Server, faults: Any, name: str
) -> None:
    async with opened(KIND, simulator.functions()) as backend:
        before = await captured(backend, TargetId(backend.ref, name))
        faults.add(operation="lambda.PutFunctionConcurrency", kind="hang", after_apply=True, count=1)
        assert isinstance(await met(simulator, lambda: backend.halt(before, order())), Unreachable)
        assert reserved(simulator, name) == 0
        accepted = await patiently(lambda: backend.halt(before, order()))
        assert accepted.halted["reserved"] == 0


@pytest.mark.parametrize("path", ["f:1", "f:live", "arn:aws:lambda:eu-central-1:111122223333:function:f"])
async def test_a_qualified_name_or_arn_is_refused_with_what_to_write(simulator: Server, path: str) -> None:
    async with opened(KIND, simulator.functions()) as backend:
        with pytest.raises(Refused, match="without ARN, version or alias"):
            await captured(backend, TargetId(backend.ref, path))


async def test_credentials_of_another_account_read_and_change_nothing(simulator: Server, name: str) -> None:
    simulator.sim.forget_requests()
    async with opened(KIND, simulator.functions(account="999999999999")) as backend:
        with pytest.raises(Refused, match=r"is meant for account 999999999999, but acts as .* in 111122223333"):
            await captured(backend, TargetId(backend.ref, name))
    assert set(simulator.sim.counts()) == {"sts.GetCallerIdentity"}
