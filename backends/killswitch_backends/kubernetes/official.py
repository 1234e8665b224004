"""Loads just the parts of the official client that the backend uses, without running its package imports.

``kubernetes/__init__`` and ``kubernetes/aio/__init__`` import every sub-package: 1.2 to 1.5 s cold, about twice of
what the kubeconfig loader and the REST client need (0.45 s of that is aiohttp). A headless halt has 1.2 s to its first
PATCH. So both packages are put into ``sys.modules`` bare while the needed modules load, and taken out again afterwards:
a later ``import kubernetes`` by anyone runs the real ``__init__`` and is whole. Where the layout is not the known one,
the plain import serves. Nothing else in the backend names the ``kubernetes`` package.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

_BARE = ("kubernetes", "kubernetes.aio")
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Official:
    """What the backend uses of the official client and of the HTTP library beneath it."""

    kube_config: Any
    """``kubernetes.aio.config.kube_config``: exec plugins, client certificates, tokens, OIDC, merged files."""
    incluster_config: Any
    config_exception: type[Exception]
    configuration: Any
    """The class ``kubernetes.aio.client.Configuration``."""
    rest: Any
    """``kubernetes.aio.client.rest``: its ``RESTClientObject`` owns TLS, proxy and the connection pool."""
    aiohttp: Any


def load() -> Official:
    """Import what is needed, once per process; blocks for up to a second when cold (call it in a thread).

    Raises:
        ImportError: when the official client is not installed.
    """
    with _LOCK:
        if all(name in sys.modules for name in _BARE):
            return _collect()
        try:
            with _bare_packages():
                return _collect()
        except (ImportError, AttributeError):
            return _collect()  # the layout changed: pay for the plain import


def _collect() -> Official:
    kube_config = importlib.import_module("kubernetes.aio.config.kube_config")
    return Official(
        kube_config=kube_config,
        incluster_config=importlib.import_module("kubernetes.aio.config.incluster_config"),
        config_exception=kube_config.ConfigException,
        configuration=importlib.import_module("kubernetes.aio.client.configuration").Configuration,
        rest=importlib.import_module("kubernetes.aio.client.rest"),
        aiohttp=importlib.import_module("aiohttp"),
    )


@contextmanager
def _bare_packages() -> Iterator[None]:
    added = [name for name in _BARE if name not in sys.modules]
    try:
        for name in added:
            sys.modules[name] = _bare(name)
        yield
    finally:
        for name in added:
            sys.modules.pop(name, None)


def _bare(name: str) -> ModuleType:
    """A package that finds its sub-modules but never ran its ``__init__``."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"{name} is not an installed package", name=name)
    module = ModuleType(name)
    module.__path__ = list(spec.submodule_search_locations)
    module.__spec__ = spec
    return module
