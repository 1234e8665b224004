"""What the tests' own processes would spend on what is no test: a quarter of all CPU.

The collector looks at what tests make, not again and again at what was imported. What was compiled once is kept, also
where the environment says otherwise: each worker would rewrite every test anew, and each command compile the product.
"""

from __future__ import annotations

import gc
import os
import sys

import pytest

YOUNG = 20_000
"""Objects made before the collector looks for cycles among the young ones (Python's own 700 suits smaller heaps)."""

IMPORTED = 150
"""Modules imported since the last time that make it worth while to set everything known aside again."""

RARE = (YOUNG, 10, 10)

IMMORTAL = 1_000
"""Objects at most that Python 3.12 and later set aside by themselves."""

_known = _searches = 0
_turns = sys.getswitchinterval()

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests, one in each worker's share: a long one at the end has all other workers wait for it.

    Each worker gets as many consecutive tests (``--dist worksteal``); all of them must put them in the same order.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.get_closest_marker("long")]
    rest = [item for item in items if not item.get_closest_marker("long")]
    share = -(-len(rest) // workers)
    shares = [[*long[n::workers], *rest[n * share : (n + 1) * share]] for n in range(workers)]
    items[:] = [item for some in shares for item in some]


def pytest_collection_finish() -> None:
    _set_aside()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """SDKs are imported by the first test that uses them; a command run within a test takes the process for its own."""
    sys.setswitchinterval(_turns)
    if len(sys.modules) - _known > IMPORTED or gc.get_threshold() != RARE or _let_go():
        _set_aside()


def _let_go() -> bool:
    """Whether a test had everything searched, and nothing is set aside any more.

    Looked at after a full search only: to count half a million objects takes 30 ms, as long as half of the tests do.
    """
    global _searches
    before, _searches = _searches, _full_searches()
    return _searches > before and gc.get_freeze_count() < IMMORTAL


def _full_searches() -> int:
    return int(gc.get_stats()[2]["collections"])


def _set_aside() -> None:
    """Collect what is garbage (or it would never be, and no unclosed socket be told of), then let the rest alone."""
    global _known, _searches
    gc.unfreeze()
    gc.set_threshold(*RARE)
    gc.collect()
    gc.freeze()
    _known, _searches = len(sys.modules), _full_searches()
