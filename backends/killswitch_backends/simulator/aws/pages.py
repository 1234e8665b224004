"""Pages of a sorted list with an opaque marker that stays right while items come and go."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from killswitch_backends.simulator.aws.errors import AwsError

Item = TypeVar("Item")


def page(
    items: Sequence[Item], *, key: Callable[[Item], str], marker: str | None, size: int
) -> tuple[Sequence[Item], str | None]:
    """The page after ``marker`` of items sorted by ``key``, and the marker of the next one if there is one."""
    start = bisect_right(items, _decoded(marker), key=key) if marker else 0
    chunk = items[start : start + size]
    more = start + size < len(items)
    return chunk, _encoded(key(chunk[-1])) if more and chunk else None


def _encoded(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decoded(marker: str) -> str:
    try:
        return base64.urlsafe_b64decode(marker.encode()).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise AwsError("ValidationError", "Invalid Marker.") from None
