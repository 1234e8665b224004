"""Which sightings the audit trail keeps: a platform that is out of sight, that is back, and halts of other bastions.

A fleet's ordinary comings and goings are not among them: the trail says what this console knew when it mattered (what
a plan saw is in ``plan.shown``), not what ran when.
"""

from __future__ import annotations

from killswitch_console.halting.board import Publish
from killswitch_console.halting.events import EngineEvent, FleetChanged, OpenHalts
from killswitch_console.halting.recording import Recorder
from killswitch_inventory.sightedness import BackendView, Sightedness
from killswitch_inventory.targets import BackendRef

_BLIND = (Sightedness.STALE, Sightedness.FAILED)


class SightNotes:
    """Hears what an engine publishes, and notes what matters of it, once."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._blind: dict[BackendRef, str] = {}
        self._foreign: set[str] = set()

    def hear(self, event: EngineEvent) -> None:
        """Take one event in."""
        if isinstance(event, FleetChanged):
            for view in event.backends:
                self._look(view)
        elif isinstance(event, OpenHalts):
            self._meet(event)

    def _look(self, view: BackendView) -> None:
        was_blind = view.ref in self._blind
        if view.sightedness in _BLIND and not was_blind:
            self._blind[view.ref] = view.problem
            as_of = view.as_of.isoformat() if view.as_of else None
            told = {"platform": str(view.ref), "state": str(view.sightedness), "why": view.problem, "as_of": as_of}
            self._recorder.note("sight.lost", told)
        elif view.sightedness is Sightedness.LIVE and was_blind:
            why = self._blind.pop(view.ref)
            self._recorder.note("sight.regained", {"platform": str(view.ref), "why": f"after: {why}"})

    def _meet(self, event: OpenHalts) -> None:
        for found in event.foreign:
            if found.halt_id not in self._foreign:
                self._foreign.add(found.halt_id)
                told = {"invoker": found.invoker, "ordered_at": found.at, "targets": list(map(str, found.targets))}
                self._recorder.note("halt.seen", {**told, "why": "another bastion's halt"}, halt_id=found.halt_id)


def noting(publish: Publish, recorder: Recorder) -> Publish:
    """A publisher whose events are heard for the trail first."""
    notes = SightNotes(recorder)

    def tell(event: EngineEvent) -> None:
        notes.hear(event)
        publish(event)

    return tell
