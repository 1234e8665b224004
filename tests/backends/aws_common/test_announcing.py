"""A restore that is announced on AWS targets, and what a hold on another bastion makes of it (moto, on loopback)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from aws_asking import halted, opened, order, seen, watching
from aws_servers import Names, Server, moto_server
from killswitch_backends.aws_iam import KIND as IAM
from killswitch_backends.aws_lambda import KIND as LAMBDA
from killswitch_backends.protocol import Backend, Order, Sight, Watch
from killswitch_backends.restores import SharesRestores
from killswitch_inventory.sightings import HaltMark


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with moto_server(tmp_path_factory.mktemp("moto")) as server:
        yield server


def theirs() -> Order:
    return Order(halt_id="halt-1", invoker="bob@bastion-b", reason="over", at=datetime.now(UTC))


NOBODY = None
UNDER_WAY = ("bob@bastion-b", False, ())
DONE = ("bob@bastion-b", True, ())


async def handed_over(backend: Backend, path: str) -> list[object]:
    """Announce, take back, announce again, restore: what the hold elsewhere is told (at first it did not ask)."""
    assert isinstance(backend, SharesRestores)
    watch = await halted(backend, path)
    await seen(backend, watch, Sight.STOPPED)
    restore = theirs()
    announced = HaltMark("halt-1", "os:ada", "", "bob@bastion-b", restore.at.isoformat(timespec="seconds"))

    async def told(mark: HaltMark | None = announced) -> object:
        one = await backend.elsewhere(watch, order(), mark)
        return NOBODY if one is None else (one.by, one.done, one.differences if one.done else ())

    await backend.announce(watch, restore)
    steps = [await told(None), await told()]
    await backend.withdraw(watch, restore)
    steps.append(await told())
    await backend.announce(watch, restore)
    await backend.restore(watch, restore)
    return [*steps, await told()]


async def told_while_draining(backend: Backend, watch: Watch) -> HaltMark | None:
    """Announce and restore before the bound; what the look that finds it acting knows of that, as a halt hears it."""
    assert isinstance(backend, SharesRestores)
    stream = backend.observe(watching(watch))
    begun = False
    try:
        async with asyncio.timeout(30):
            async for observation in stream:
                if observation.sight is Sight.DRAINING and not begun:
                    begun, restore = True, theirs()
                    await backend.announce(watch, restore)
                    await asyncio.sleep(backend.notice_seconds(1))
                    await backend.restore(watch, restore)
                if observation.sight is Sight.ACTING:
                    return observation.announced
    finally:
        await stream.aclose()  # type: ignore[attr-defined]
    raise AssertionError("the observation ended")


async def test_a_function_that_is_still_draining(moto: Server) -> None:
    name = Names.new("agent")
    moto.make_function(name, moto.make_role(Names.new("role")), timeout=600)
    async with opened(LAMBDA, moto.functions()) as backend:
        mark = await told_while_draining(backend, await halted(backend, name))
        assert mark is not None
        assert (mark.halt_id, mark.restorer) == ("halt-1", "bob@bastion-b")


async def test_a_role_whose_deny_is_still_spreading(moto: Server) -> None:
    name = Names.new("role")
    moto.make_role(name)
    async with opened(IAM, moto.table(propagation_seconds=6)) as backend:
        mark = await told_while_draining(backend, await halted(backend, f"role/{name}"))
        assert mark is not None
        assert (mark.halt_id, mark.restorer) == ("halt-1", "bob@bastion-b")


async def test_a_function(moto: Server) -> None:
    name = Names.new("agent")
    moto.make_function(name, moto.make_role(Names.new("role")))
    async with opened(LAMBDA, moto.functions()) as backend:
        assert await handed_over(backend, name) == [NOBODY, UNDER_WAY, NOBODY, DONE]


async def test_a_role(moto: Server) -> None:
    name = Names.new("role")
    moto.make_role(name)
    table: dict[str, Any] = moto.table(propagation_seconds=1)
    async with opened(IAM, table) as backend:
        assert await handed_over(backend, f"role/{name}") == [NOBODY, UNDER_WAY, NOBODY, DONE]
