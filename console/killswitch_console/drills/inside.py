"""What runs behind the cordon: the drill's own process. Started by ``isolating.py``, never by a person.

The cordon is up before anything of a platform is imported.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from killswitch_console.drills.cordon import raise_cordon

if TYPE_CHECKING:
    from killswitch_console.drills.directing import Director

PASSED, NOT_PASSED = 0, 4
"""Exit statuses of a drill: as for a halt, only the first is success (design.md section 5)."""


class Vetoes:
    """What the cordon refused: told to the director, in its loop, whoever tried it and in which thread."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._tell: Callable[[str], None] | None = None

    def __call__(self, what: str) -> None:
        """One attempt. Called from any thread."""
        self.said.append(what)
        if self._tell is not None:
            self._tell(what)

    def report_to(self, director: Director) -> None:
        """From now on the director hears of attempts, and ends the drill; of earlier ones at once."""
        import asyncio

        loop = asyncio.get_running_loop()

        def heard(what: str) -> None:
            director.hear("drill.vetoed", {"what": what})
            director.end("something reached for the world outside")

        def tell(what: str) -> None:
            loop.call_soon_threadsafe(heard, what)

        self._tell = tell
        for what in self.said:
            heard(what)


def main() -> int:
    """Do one part of a drill; the process's exit status."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    folder = Path(asked["folder"])
    os.chdir(folder)  # sockets are named from here: an absolute path may be too long for one
    vetoes = Vetoes()
    cordon = raise_cordon(folder, sockets=[Path(path) for path in asked.get("sockets", ())], told=vetoes)
    match asked["work"]:
        case "play":
            return _play(asked, folder, vetoes, cordon.admit)
        case "facilitate":
            from killswitch_console.drills.facilitating import facilitate

            return facilitate(asked, folder, vetoes, cordon.admit)
        case "respond":
            from killswitch_console.drills.responding import respond

            return respond(asked, folder, cordon.admit)
    raise ValueError(f"unknown work {asked['work']!r}")


def _play(asked: dict[str, Any], folder: Path, vetoes: Vetoes, admit: Callable[[int], None]) -> int:
    from killswitch_console.drills.homes import SCENARIO_FILE
    from killswitch_console.drills.inputs import Input
    from killswitch_console.drills.players import PlayerKind
    from killswitch_console.drills.playing import play
    from killswitch_console.drills.reading import read_scenario

    scenario, given = read_scenario(folder / SCENARIO_FILE), folder / "inputs.json"
    inputs = [Input.read(one) for one in json.loads(given.read_text())] if given.exists() else []
    kind = PlayerKind(asked["player"])
    played = play(scenario, folder, kind, admit=admit, prepare=vetoes.report_to, inputs=inputs)
    return PASSED if played.score.passed else NOT_PASSED


if __name__ == "__main__":
    sys.exit(main())
