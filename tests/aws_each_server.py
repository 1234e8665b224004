"""Fixtures for behaviour that is shown on each server that is faithful in it; ``conftest`` files take them in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aws_real import missing, sandbox_account
from aws_servers import STARTERS, Server, warmed


@pytest.fixture(scope="session", params=[*STARTERS, "real"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Each of the three servers in turn, and the sandbox account where one is given."""
    if request.param == "real" and (reason := missing()):
        pytest.skip(reason)
    starters = {**STARTERS, "real": sandbox_account}
    with starters[request.param](tmp_path_factory.mktemp(request.param)) as running:
        yield warmed(running)


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Our simulator alone: it has faults, quotas and limits."""
    with STARTERS["simulator"](tmp_path_factory.mktemp("simulator")) as running:
        yield running
