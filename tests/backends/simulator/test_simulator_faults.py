"""Faults as a client meets them, and the log of requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from killswitch_backends.simulator.server import Simulator
from simulated import eventually
from small_face import SmallFace, small_faces


@dataclass
class Setup:
    simulator: Simulator
    url: str
    http: aiohttp.ClientSession

    @property
    def face(self) -> SmallFace:
        (face,) = self.simulator.faces
        assert isinstance(face, SmallFace)
        return face

    async def fault(self, **rule: object) -> int:
        async with self.http.post(f"{self.url}/_simulator/faults", json=rule) as answer:
            assert answer.status == 201, await answer.text()
            (rule_id,) = await answer.json()
            return int(rule_id)

    async def ask(self, operation: str) -> int:
        # POST, because aiohttp repeats a GET whose connection was dropped
        async with self.http.post(f"{self.url}/small/{operation}") as answer:
            await answer.read()
            return answer.status

    async def log(self, query: str = "") -> dict[str, object]:
        async with self.http.get(f"{self.url}/_simulator/requests{query}") as answer:
            return dict(await answer.json())


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    simulator = Simulator((), seed=1, faces=small_faces())
    async with simulator.serving() as url, aiohttp.ClientSession() as http:
        yield Setup(simulator, url, http)


async def test_without_rules_everything_passes(setup):
    assert await setup.ask("kubernetes.list") == 200


async def test_an_error_strikes_matching_operations_only_and_before_anything_is_applied(setup):
    await setup.fault(operation="kubernetes.*", kind="error", status=503)
    assert [await setup.ask(name) for name in ("kubernetes.patch", "iam.PutRolePolicy")] == [503, 200]
    assert setup.face.applied == 1


@pytest.mark.parametrize(
    ("pattern", "struck"),
    [
        ("*", True),
        ("kubernetes", True),
        ("kubernetes.patch", True),
        ("kubernetes.patch.deployments/scale", True),
        ("kubernetes.*.deployments*", True),
        ("kubernetes.pat", False),
        ("kubernetes.patch.deployments", False),
        ("patch", False),
    ],
)
async def test_a_pattern_means_an_operation_or_a_leading_part_of_it(setup, pattern, struck):
    await setup.fault(operation=pattern, kind="error")
    assert (await setup.ask("kubernetes.patch.deployments/scale") == 500) is struck


async def test_count_and_skip_bound_a_rule(setup):
    await setup.fault(operation="a.*", kind="error", skip=1, count=2)
    assert [await setup.ask("a.b") for _ in range(5)] == [200, 500, 500, 200, 200]


async def test_probability_is_drawn_from_the_seed():
    async def draw(seed: int) -> list[int]:
        simulator = Simulator((), seed=seed, faces=small_faces())
        async with simulator.serving() as url, aiohttp.ClientSession() as http:
            setup = Setup(simulator, url, http)
            await setup.fault(operation="*", kind="error", probability=0.5)
            return [await setup.ask("a.b") for _ in range(40)]

    first = await draw(1)
    assert first == await draw(1)
    assert first != await draw(2)
    assert 5 < first.count(500) < 35


async def test_an_error_can_carry_any_body(setup):
    await setup.fault(operation="*", kind="error", status=502, body="<html>bad gateway")
    async with setup.http.get(f"{setup.url}/small/kubernetes.list") as answer:
        assert (answer.status, await answer.text()) == (502, "<html>bad gateway")


async def test_a_throttle_says_for_how_long(setup):
    await setup.fault(operation="launchdarkly.patch", kind="throttle", retry_after=3)
    async with setup.http.get(f"{setup.url}/small/launchdarkly.patch") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
        assert int(answer.headers["X-Ratelimit-Reset"]) == pytest.approx((time.time() + 3) * 1000, abs=60_000)
        assert (await answer.json())["code"] == "rate_limited"
    assert setup.face.applied == 0


async def test_latency_goes_on_to_the_next_rule(setup):
    await setup.fault(operation="*", kind="latency", seconds=0.05)
    await setup.fault(operation="*", kind="error", status=404)
    assert await setup.ask("a.b") == 404
    (request,) = (await setup.log())["latest"]
    assert request["seconds"] >= 0.05


async def test_a_reset_drops_the_connection_with_or_without_the_change(setup):
    await setup.fault(operation="*", kind="reset", count=1)
    await setup.fault(operation="*", kind="reset-after-apply", count=1)
    for applied in (0, 1):
        with pytest.raises(aiohttp.ClientConnectionError):
            await setup.ask("a.b")
        assert setup.face.applied == applied
    assert await setup.ask("a.b") == 200
    latest = (await setup.log())["latest"]
    assert [(entry["status"], entry["applied"], entry["fault"]) for entry in latest] == [
        (None, False, "reset"),
        (None, True, "reset-after-apply"),
        (200, True, None),
    ]


async def test_any_kind_can_strike_after_the_change(setup):
    await setup.fault(operation="*", kind="error", after_apply=True)
    assert await setup.ask("a.b") == 500
    assert setup.face.applied == 1


async def test_a_hang_ends_when_its_rule_is_lifted(setup):
    rule = await setup.fault(operation="*", kind="hang")
    hanging = asyncio.create_task(setup.ask("a.b"))
    await eventually(lambda: setup.simulator.faults.armed[0].struck == 1)
    assert not hanging.done()
    async with setup.http.delete(f"{setup.url}/_simulator/faults/{rule}") as answer:
        assert answer.status == 204
    with pytest.raises(aiohttp.ClientConnectionError):
        await hanging
    assert setup.face.applied == 0


async def test_a_hang_ends_when_its_client_gives_up(setup):
    await setup.fault(operation="*", kind="hang")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await setup.ask("a.b")
    await eventually(lambda: setup.simulator.requests.entries[0].seconds is not None)


async def test_a_hang_can_have_an_end(setup):
    await setup.fault(operation="*", kind="hang", seconds=0.1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await setup.ask("a.b")


async def test_rules_are_listed_and_cleared(setup):
    await setup.fault(operation="a.*", kind="error", status=503)
    assert await setup.ask("a.b") == 503
    async with setup.http.get(f"{setup.url}/_simulator/faults") as answer:
        assert await answer.json() == [
            {"id": 1, "matched": 1, "struck": 1, "operation": "a.*", "kind": "error", "status": 503}
        ]
    async with setup.http.delete(f"{setup.url}/_simulator/faults") as answer:
        assert answer.status == 204
    assert await setup.ask("a.b") == 200


@pytest.mark.parametrize(
    "rule", [{"kind": "explode"}, {"kind": "error", "statsu": 500}, {"kind": "error", "status": 200}, "error", {}]
)
async def test_a_wrong_rule_is_refused_whole(setup, rule):
    good = {"operation": "*", "kind": "error"}
    async with setup.http.post(f"{setup.url}/_simulator/faults", json=[good, rule]) as answer:
        assert answer.status == 400
    assert setup.simulator.faults.armed == ()


async def test_a_fault_that_does_not_exist_cannot_be_lifted(setup):
    async with setup.http.delete(f"{setup.url}/_simulator/faults/7") as answer:
        assert answer.status == 404


async def test_requests_are_counted_and_logged_by_operation(setup):
    for name in ("a.b", "a.c", "a.b"):
        await setup.ask(name)
    log = await setup.log("?operation=a.b&limit=1")
    assert log["counts"] == {"a.b": 2, "a.c": 1}
    (latest,) = log["latest"]
    assert latest["number"] == 3
    assert (latest["operation"], latest["method"], latest["path"]) == ("a.b", "POST", "/small/a.b")
    assert (latest["status"], latest["applied"]) == (200, True)
    async with setup.http.delete(f"{setup.url}/_simulator/requests") as answer:
        assert answer.status == 204
    assert await setup.log() == {"counts": {}, "latest": []}


async def test_a_limit_that_is_no_number_is_refused(setup):
    async with setup.http.get(f"{setup.url}/_simulator/requests?limit=all") as answer:
        assert answer.status == 400


async def test_control_requests_are_not_logged(setup):
    await setup.log()
    async with setup.http.get(f"{setup.url}/_simulator/health") as answer:
        assert answer.status == 200
    assert (await setup.log())["counts"] == {}
