"""The collector looks at what tests make, not again and again at what was imported: that was a fifth of all CPU."""

from __future__ import annotations

import gc
import sys

import pytest

YOUNG = 20_000
"""Objects made before the collector looks for cycles among the young ones (Python's own 700 suits smaller heaps)."""

IMPORTED = 150
"""Modules imported since the last time that make it worth while to set everything known aside again."""

_known = 0


def pytest_collection_finish() -> None:
    gc.set_threshold(YOUNG, 10, 10)
    _set_aside()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """SDKs are imported by the first test that uses them."""
    if len(sys.modules) - _known > IMPORTED:
        _set_aside()


def _set_aside() -> None:
    """Collect what is garbage (or it would never be, and no unclosed socket be told of), then let the rest alone."""
    global _known  # noqa: PLW0603 - one process, one collector
    gc.collect()
    gc.freeze()
    _known = len(sys.modules)
