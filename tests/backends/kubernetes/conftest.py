"""One cluster per test: the simulator with a module's ``AGENTS``, or (``make real``) the same on a real API server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from disposable_cluster import REAL, Disposable, disposable
from killswitch_backends.protocol import Backend
from kubernetes_table import Admin
from simulated import Simulated


@pytest.fixture
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Disposable]:
    """The cluster; a module that needs agents there from the beginning names them ``AGENTS``."""
    async with disposable(getattr(request.module, "AGENTS", [])) as found:
        yield found


@pytest.fixture
def admin(cluster: Disposable) -> Admin:
    """Somebody else who works on the cluster."""
    return cluster.admin


@pytest.fixture
async def backend(cluster: Disposable) -> AsyncIterator[Backend]:
    """The backend on it."""
    async with cluster.opened() as table:
        yield table


@pytest.fixture
def sim(cluster: Disposable) -> Simulated:
    """The simulator itself, for its truth and its faults: what asks for it is not run on a real cluster."""
    assert cluster.sim is not None
    return cluster.sim


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On a real cluster: leave out what needs the simulator."""
    for item in items if REAL else ():
        if "sim" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason="needs the simulator's truth or faults"))
