"""What stands for good once a console has seen everything is left out of Python's searches for reference cycles.

Modules, the screen and ten thousand agents are no garbage, yet each full search walks through all of them with the
interpreter held: 0.15 s for 1,000 agents, in which no key is answered. Only for a process that is one console: it must
not be called where many engines come and go, for what is garbage when it is called stays until ``search_everything``.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

from killswitch_console.halting.events import EngineEvent, FleetChanged
from killswitch_inventory.sightedness import Sightedness

RARELY: Final = (10_000, 3, 50)
"""From then on what comes and goes by the thousand is searched for cycles less often: a halt of 1,000 spent 0.2 of its
1.2 s on that. Never through much at once: 125,000 objects, as many as (20,000, 10, 10) gathers, take 0.15 s in which no
key is answered."""

_UNREAD = (Sightedness.WAITING, Sightedness.LISTING)


def standing(publish: Callable[[EngineEvent], None]) -> Callable[[EngineEvent], None]:
    """The same ``publish``; with the first event after everything was listed, what there is then counts as standing."""
    stands = False

    def passed_on(event: EngineEvent) -> None:
        nonlocal stands
        publish(event)
        if stands or not isinstance(event, FleetChanged):
            return
        stands = not any(view.sightedness in _UNREAD for view in event.backends)
        if stands:
            gc.freeze()
            gc.set_threshold(*RARELY)

    return passed_on


def search_everything() -> None:
    """A full search, also among what stood: a secret that was dropped may hang in a cycle there.

    Nothing counts as standing any more then: what is let go of a moment later has to be found, too.
    """
    gc.unfreeze()
    gc.collect()
