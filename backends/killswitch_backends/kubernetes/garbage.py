"""Keeps Python from looking for reference cycles while a page of a list is read.

A page is tens of thousands of short-lived dicts without any cycle: looking for some among them costs a fifth of the
first listing. It is meant for stretches of milliseconds without an ``await``; everything else (a sealed key that waits
to be collected) is collected as ever.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for cycles within the block; on again after it, also where threads overlap."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
