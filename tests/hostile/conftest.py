"""One liar and one connection to it per module: an example costs its requests and nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hostile.cluster import opened
from hostile.liar import Liar, lying
from killswitch_backends.protocol import Backend


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="module")
def liar(runner: asyncio.Runner) -> Iterator[Liar]:
    context = lying()
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def kubeconfig(liar: Liar, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lies") / "config"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": liar.address}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="module")
def backend(runner: asyncio.Runner, kubeconfig: Path) -> Iterator[Backend]:
    """One connection for all examples: nothing is mirrored on it."""
    context = opened(kubeconfig)
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))
