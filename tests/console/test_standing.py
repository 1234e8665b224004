"""What stands is left out of the searches for cycles, but for one that a sealed vault asks for."""

from __future__ import annotations

import gc
import weakref
from datetime import UTC, datetime

from killswitch_console.halting.events import EngineEvent, FleetChanged
from killswitch_console.standing import search_everything, standing
from killswitch_inventory.sightedness import BackendView, Sightedness
from killswitch_inventory.targets import BackendRef


class Knot:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.own = self


def news(sightedness: Sightedness) -> FleetChanged:
    return FleetChanged((), (), (BackendView(BackendRef("kubernetes", "prod"), sightedness, datetime.now(UTC)),))


def test_all_that_was_there_when_everything_was_listed_stands() -> None:
    told: list[EngineEvent] = []
    publish = standing(told.append)
    gc.unfreeze()
    publish(news(Sightedness.LISTING))
    assert not gc.get_freeze_count()
    publish(news(Sightedness.LIVE))
    assert gc.get_freeze_count() > 1000
    assert len(told) == 2


def test_a_sealed_secret_does_not_stay_because_it_stands() -> None:
    knot, later = Knot(), Knot()
    alive, alive_later = weakref.ref(knot), weakref.ref(later)
    gc.freeze()
    del knot
    gc.collect()
    assert alive() is not None
    search_everything()
    assert alive() is None
    del later
    gc.collect()
    assert alive_later() is None, "what is let go of a moment later is found, too"
