"""Telling the faces: whatever a face does, the engine goes on."""

from __future__ import annotations

import logging

from killswitch_console.halting.board import Publish
from killswitch_console.halting.events import EngineEvent

_LOG = logging.getLogger(__name__)


def guarded(publish: Publish) -> Publish:
    """A publisher that a broken face cannot use to stop the engine: its first failure is its last event.

    A terminal that is gone makes every write fail; the halt must not notice (safety rule 3).
    """
    broken = False

    def tell(event: EngineEvent) -> None:
        nonlocal broken
        if broken:
            return
        try:
            publish(event)
        except Exception as error:  # noqa: BLE001  (whatever a face does, the halt goes on)
            broken = True
            _LOG.warning("a face failed and hears nothing more: %r", error)

    return tell


def both(first: Publish, second: Publish) -> Publish:
    """A publisher that tells two; whatever the first does, the second is told."""

    def tell(event: EngineEvent) -> None:
        try:
            first(event)
        finally:
            second(event)

    return tell
