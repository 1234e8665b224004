"""The facilitator's desk: a line of text for each command, and what happens as it happens.

It works on any terminal, over any connection, and in a file: what was typed is in the log as an input of the drill.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from killswitch_console.drills.clock import FASTEST, SLOWEST
from killswitch_console.drills.directing import Cue, Director, Stage, UnknownInject
from killswitch_console.drills.durations import clock_text
from killswitch_console.drills.happened import Happened
from killswitch_console.drills.replaying import line
from killswitch_console.drills.reporting import RATINGS
from killswitch_console.drills.scenario import Word
from killswitch_console.drills.scoring import describe
from killswitch_console.drills.world import DrillWorld
from killswitch_console.hostile import clean

if TYPE_CHECKING:
    from killswitch_console.drills.facilitating import Responders

HELP: Final = """\
  status             the script, what is expected, and where everything stands
  truth              what every agent really does
  now ID             bring an inject now          hold ID            keep it back until `now`
  skip ID REASON     leave it out                 say FROM: TEXT     send a message that is not in the script
  pause / go         hold time, let it run        speed N            0.25 to 10
  step               at ten times to the next inject, then pause
  note [OBJECTIVE:] TEXT                          rate OBJECTIVE P|S|M|U
  end                the drill is over            abort REASON       it is over, and does not count
  real               THIS IS REAL: responders' consoles leave drill mode at once
  quit               after the end: close the desk"""


class Desk:
    """Does what the facilitator types, and shows what happens."""

    def __init__(
        self,
        director: Director,
        responders: Responders,
        world: DrillWorld,
        show: Callable[[str], None] = lambda text: print(text, flush=True),  # noqa: T201  (a desk of lines)
    ) -> None:
        self._director, self._responders, self._world, self._show = director, responders, world, show
        self._adhoc = 0
        self.closed = asyncio.Event()
        director.listeners.append(self._happened)
        show("waiting for a responder; `help` lists what you can do")

    def do(self, typed: str) -> None:
        """One line of the facilitator's."""
        word, _, rest = typed.strip().partition(" ")
        commands: dict[str, Callable[[str], None]] = {
            "help": lambda _: self._show(HELP),
            "status": self._status,
            "truth": self._truth,
            "now": self._director.bring_now,
            "hold": self._director.hold,
            "skip": self._skip,
            "say": self._say,
            "pause": lambda _: self._speed(0.0),
            "go": lambda _: self._speed(1.0),
            "speed": lambda text: self._speed(_speed(text)),
            "step": self._step,
            "note": self._note,
            "rate": self._rate,
            "end": lambda _: self._end("the facilitator ended it"),
            "abort": lambda text: self._end(f"aborted: {text or 'no reason given'}"),
            "real": self._real,
            "quit": self._quit,
        }
        if not word:
            return
        try:
            commands.get(word, self._unknown)(rest.strip())
        except (UnknownInject, ValueError) as error:
            self._show(clean(f"? {error}", most=300))

    def _unknown(self, _: str) -> None:
        raise ValueError("unknown command; `help` lists what there is")

    def debrief(self) -> None:
        """The script is over: what is left to say."""
        self._show("the drill is over: `note`, `rate`, then `quit`")

    def _happened(self, happened: Happened) -> None:
        self._show(line(happened))

    def _status(self, _: str) -> None:
        clock = self._director.clock
        speed = clock.pace.speed
        self._show(f"{clock_text(clock.passed())}  {'paused' if speed == 0 else f'{speed:g}x'}  script:")
        for cue in self._director.cues.values():
            self._show(clean(_cue(cue), most=300))
        self._show("expected:")
        for expectation in self._director.scenario.expect:
            self._show(clean(f"  {expectation.id}: {describe(expectation)}", most=300))

    def _truth(self, _: str) -> None:
        for name, about in self._world.truth().items():
            self._show(
                f"  {name:24} running {about['running']:<3} actions {about['actions']:<6} "
                f"denied {about['denied']:<5} last {about['last_action_at'] or 'never'}"
            )

    def _skip(self, text: str) -> None:
        name, _, reason = text.partition(" ")
        if not reason.strip():
            raise ValueError("skip needs a reason: skip ID REASON")
        self._director.skip(name, reason.strip())

    def _say(self, text: str) -> None:
        sender, colon, said = text.partition(":")
        if not colon or not said.strip():
            raise ValueError("expected: say FROM: TEXT")
        self._adhoc += 1
        fields = {"id": f"adhoc-{self._adhoc}", "kind": "message", "from": sender.strip(), "text": said.strip()}
        try:
            self._director.add(Word.model_validate(fields | {"delivered_by": "facilitator"}))
        except ValidationError as error:
            raise ValueError(str(error.errors(include_url=False)[0]["msg"])) from None

    def _speed(self, speed: float) -> None:
        self._responders.paced(self._director.clock.set_speed(speed))
        self._director.hear("facilitator.paced", {"speed": speed})

    def _step(self, _: str) -> None:
        due = self._director.next_due()
        if due is None:
            raise ValueError("no inject is due")
        self._speed(FASTEST)
        self._director.at(due, lambda: self._speed(0.0))

    def _note(self, text: str) -> None:
        if not text:
            raise ValueError("expected: note [OBJECTIVE:] TEXT")
        objective, colon, rest = text.partition(":")
        known = {entry.id for entry in self._director.scenario.objective}
        about = objective if colon and objective in known else None
        self._director.hear("facilitator.noted", {"objective": about, "text": rest.strip() if about else text})

    def _rate(self, text: str) -> None:
        objective, _, rating = text.partition(" ")
        if objective not in {entry.id for entry in self._director.scenario.objective}:
            raise ValueError(f"unknown objective {objective!r}")
        if rating not in RATINGS:
            raise ValueError(f"expected one of {', '.join(RATINGS)}")
        self._director.hear("facilitator.rated", {"objective": objective, "rating": rating})

    def _end(self, why: str) -> None:
        self._director.end(why)

    def _real(self, _: str) -> None:
        self._responders.real = True
        self._responders.tell("real")
        self._director.end("a real event")
        self.closed.set()

    def _quit(self, _: str) -> None:
        if not self._director.ended.is_set():
            raise ValueError("the drill goes on; `end` it first")
        self.closed.set()


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no speed") from None
    if not SLOWEST <= speed <= FASTEST:
        raise ValueError(f"expected {SLOWEST:g} to {FASTEST:g}")
    return speed


def _cue(cue: Cue) -> str:
    when = "" if cue.due is None else f" {clock_text(cue.due)}"
    if cue.stage is Stage.DUE and cue.inject.by_hand:
        when += " (yours to bring)"
    said = getattr(cue.inject, "text", cue.inject.kind)
    return f"  {cue.stage:9}{when:8} {cue.inject.id}: {said}  -> {cue.inject.expected or '-'}"


async def listening(desk: Desk) -> None:
    """Read the facilitator's lines from standard input until it ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while text := await reader.readline():
        desk.do(text.decode("utf-8", "replace"))
    desk.closed.set()
