"""Plays a recorded drill again from its inputs, and says whether it comes to the same events."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Final

from killswitch_console.drills.facing import read_score
from killswitch_console.drills.happened import Happened
from killswitch_console.drills.homes import SCENARIO_FILE
from killswitch_console.drills.inputs import inputs_of
from killswitch_console.drills.isolating import run_isolated
from killswitch_console.drills.log import NOT_THE_DRILL, event_hash, read_log
from killswitch_console.drills.players import PlayerKind
from killswitch_console.drills.replaying import line

SAME, OTHER = 0, 4

INPUTS_FILE: Final = "inputs.json"
"""Beside the scenario: what is typed and done in a drill that is played again."""


def again(folder: Path) -> int:
    """Play it once more behind the cordon, in a folder that goes away; 0 if its events are the same, else 4."""
    events, document = read_log(folder / "log.jsonl"), read_score(folder)
    if document.get("mode") == "canary":
        raise ValueError("a canary drill is not played again from its log; run it anew")
    person = document.get("player") not in set(PlayerKind)
    inputs = inputs_of(events, person=person)
    player = str(PlayerKind.SILENT) if person else str(document["player"])
    with tempfile.TemporaryDirectory(prefix="drill-again-") as made:
        there = Path(made)
        (there / SCENARIO_FILE).write_text((folder / SCENARIO_FILE).read_text(encoding="utf-8"), encoding="utf-8")
        (there / INPUTS_FILE).write_text(json.dumps([given.document() for given in inputs]), encoding="utf-8")
        run_isolated("play", there, {"player": player})
        return _compared(events, read_log(there / "log.jsonl"))


def _compared(before: Sequence[Happened], after: Sequence[Happened]) -> int:
    if event_hash(before) == event_hash(after):
        print(f"the same {len(_of_the_drill(after))} events ({event_hash(after)[:16]})")  # noqa: T201
        return SAME
    for then, now in zip_longest(_of_the_drill(before), _of_the_drill(after)):
        if then is None or now is None or (then.event, then.facts) != (now.event, now.facts):
            print(f"then: {'nothing more' if then is None else line(then)}")  # noqa: T201
            print(f"now:  {'nothing more' if now is None else line(now)}")  # noqa: T201
            break
    return OTHER


def _of_the_drill(events: Sequence[Happened]) -> list[Happened]:
    return [happened for happened in events if happened.event not in NOT_THE_DRILL]
