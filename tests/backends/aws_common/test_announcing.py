"""A restore that is announced on AWS targets, and what a hold on another bastion makes of it (moto, on loopback)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from aws_servers import Names, Server, halted, moto_server, opened, order, seen
from killswitch_backends.aws_iam import KIND as IAM
from killswitch_backends.aws_lambda import KIND as LAMBDA
from killswitch_backends.protocol import Backend, Order, Sight
from killswitch_backends.restores import SharesRestores
from killswitch_inventory.sightings import HaltMark


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with moto_server(tmp_path_factory.mktemp("moto")) as server:
        yield server


def theirs() -> Order:
    return Order(halt_id="halt-1", invoker="bob@bastion-b", reason="over", at=datetime.now(UTC))


async def handed_over(backend: Backend, path: str) -> None:
    """Announce, take back, announce again, restore; each step as the hold elsewhere is told of it."""
    assert isinstance(backend, SharesRestores)
    watch = await halted(backend, path)
    await seen(backend, watch, Sight.STOPPED)
    restore = theirs()
    announced = HaltMark("halt-1", "os:ada", "", "bob@bastion-b", restore.at.isoformat(timespec="seconds"))
    await backend.announce(watch, restore)
    assert await backend.elsewhere(watch, order(), None) is None, "nobody asks without an announcement"
    told = await backend.elsewhere(watch, order(), announced)
    assert told is not None
    assert (told.by, told.done) == ("bob@bastion-b", False)
    await backend.withdraw(watch, restore)
    assert await backend.elsewhere(watch, order(), announced) is None, "it was taken back"
    await backend.announce(watch, restore)
    await backend.restore(watch, restore)
    told = await backend.elsewhere(watch, order(), announced)
    assert told is not None
    assert (told.by, told.done, told.differences) == ("bob@bastion-b", True, ())


async def test_a_function(moto: Server) -> None:
    name = Names.new("agent")
    moto.make_function(name, moto.make_role(Names.new("role")))
    async with opened(LAMBDA, moto.functions()) as backend:
        await handed_over(backend, name)


async def test_a_role(moto: Server) -> None:
    name = Names.new("role")
    moto.make_role(name)
    table: dict[str, Any] = moto.table(propagation_seconds=1)
    async with opened(IAM, table) as backend:
        await handed_over(backend, f"role/{name}")
