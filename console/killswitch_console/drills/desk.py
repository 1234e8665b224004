"""The facilitator's desk: one line of text for every command, whatever face it is typed at.

What was typed, and when, is in the drill's log as an input, so that the drill can be played again from it. The desk
lives in the drill's loop; faces (``desk_lines.py``, ``desk_app.py``) hand it lines and are told what happens.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from typing import Any, Final, Protocol

from pydantic import TypeAdapter, ValidationError

from killswitch_backends.simulator.acting import AgentTruth
from killswitch_console.drills.clock import FASTEST, SLOWEST, Pace
from killswitch_console.drills.directing import Director, UnknownInject
from killswitch_console.drills.durations import clock_text
from killswitch_console.drills.happened import Happened
from killswitch_console.drills.replaying import line
from killswitch_console.drills.reporting import RATINGS
from killswitch_console.drills.scenario import AnyInject, ScaleInject
from killswitch_console.drills.scoring import describe
from killswitch_console.hostile import clean

HELP: Final = """\
  status             the script, what is expected, and where everything stands
  truth              what every agent really does
  now ID             bring an inject now          hold ID            keep it back until `now`
  skip ID REASON     leave it out
  say FROM: TEXT     a message that is not in the script            alert FROM: TEXT   an alert
  add kind=fault operation=lambda.* fault=error status=503 lasts=1m    any inject, by the keys of [[inject]]
  pause / go         hold time, let it run        speed N            0.25 to 10, or max
  step               at the highest speed to the next inject, then pause
  note [OBJECTIVE:] TEXT                          rate OBJECTIVE P|S|M|U
  end                the drill is over            abort REASON       it is over, and does not count
  real               THIS IS REAL: responders' consoles leave drill mode at once
  quit               after the end: close the desk"""

QUESTIONS: Final = frozenset({"help", "status", "truth", "real", "quit"})
"""Commands that are no inputs of the drill."""

PACES: Final = frozenset({"pause", "go", "speed", "step"})
"""Inputs that change how fast time runs, and nothing else."""

_ADDED: TypeAdapter[Any] = TypeAdapter(AnyInject)


class Crew(Protocol):
    """The responders, as the desk speaks to them."""

    real: bool

    @property
    def present(self) -> int:
        """How many are at their consoles."""
        ...

    def paced(self, pace: Pace) -> None:
        """Everybody's clock follows."""

    def tell(self, what: str, **about: Any) -> None:
        """Say something to everybody."""


class Truthful(Protocol):
    """The world, as the desk looks at it."""

    def truth(self) -> dict[str, AgentTruth]:
        """What every agent really does."""
        ...


class Desk:
    """Does what the facilitator types, and shows what happens."""

    def __init__(self, director: Director, crew: Crew, world: Truthful, show: Callable[[str], None]) -> None:
        self.director, self.world, self.crew, self._show = director, world, crew, show
        self._adhoc = 0
        self.closed = asyncio.Event()
        director.listeners.append(self._happened)

    def do(self, typed: str) -> None:
        """One line of the facilitator's."""
        word, _, rest = typed.strip().partition(" ")
        if not word:
            return
        at = self.director.clock.passed()
        try:
            self._commands().get(word, self._unknown)(rest.strip())
        except (UnknownInject, ValueError) as error:
            self._show(clean(f"? {error}", most=300))
            return
        if word not in QUESTIONS and self.director.log.events:
            self.director.hear("facilitator.did", {"line": typed.strip()}, {"at": at})

    def _commands(self) -> dict[str, Callable[[str], None]]:
        return {
            "help": lambda _: self._show(HELP),
            "status": self._status,
            "truth": self._truth,
            "now": self.director.bring_now,
            "hold": self.director.hold,
            "skip": self._skip,
            "say": lambda text: self._word("message", text),
            "alert": lambda text: self._word("alert", text),
            "add": self._add,
            "pause": lambda _: self._speed(0.0),
            "go": lambda _: self._speed(1.0),
            "speed": lambda text: self._speed(speed_of(text)),
            "step": self._step,
            "note": self._note,
            "rate": self._rate,
            "end": lambda _: self._end("the facilitator ended it"),
            "abort": lambda text: self._end(f"aborted: {text or 'no reason given'}"),
            "real": self._real,
            "quit": self._quit,
        }

    def _unknown(self, _: str) -> None:
        raise ValueError("unknown command; `help` lists what there is")

    def _happened(self, happened: Happened) -> None:
        if happened.event != "facilitator.did":  # whoever typed it knows
            self._show(line(happened))

    def _status(self, _: str) -> None:
        clock = self.director.clock
        speed = clock.pace.speed
        self._show(f"{clock_text(clock.passed())}  {'paused' if speed == 0 else f'{speed:g}x'}  script:")
        for cue in self.director.cues.values():
            self._show(clean(cue.said(), most=300))
        self._show("expected:")
        for expectation in self.director.scenario.expect:
            self._show(clean(f"  {expectation.id}: {describe(expectation)}", most=300))

    def _truth(self, _: str) -> None:
        for name, about in self.world.truth().items():
            self._show(
                f"  {name:24} running {about['running']:<3} actions {about['actions']:<6} "
                f"denied {about['denied']:<5} last {about['last_action_at'] or 'never'}"
            )

    def _skip(self, text: str) -> None:
        name, _, reason = text.partition(" ")
        if not reason.strip():
            raise ValueError("skip needs a reason: skip ID REASON")
        self.director.skip(name, reason.strip())

    def _word(self, kind: str, text: str) -> None:
        sender, colon, said = text.partition(":")
        if not colon or not said.strip():
            raise ValueError(f"expected: {'say' if kind == 'message' else kind} FROM: TEXT")
        self._bring({"kind": kind, "from": sender.strip(), "text": said.strip()})

    def _add(self, text: str) -> None:
        pairs = [word.partition("=") for word in shlex.split(text)]
        if not pairs or any(not equals for _, equals, _ in pairs):
            raise ValueError('expected: add kind=alert from=monitoring text="what it says"')
        self._bring({name: value for name, _, value in pairs})

    def _bring(self, fields: dict[str, str]) -> None:
        self._adhoc += 1
        fields = {"id": f"adhoc-{self._adhoc}"} | fields | {"delivered_by": "facilitator"}
        try:
            inject: AnyInject = _ADDED.validate_python(fields)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = first["loc"][-1] if first["loc"] else "inject"
            raise ValueError(f"{where}: {str(first['msg']).removeprefix('Value error, ')}") from None
        if isinstance(inject, ScaleInject) and inject.agent not in self.world.truth():
            raise ValueError(f"unknown agent {inject.agent!r}")
        self.director.add(inject)

    def _speed(self, speed: float) -> None:
        self.crew.paced(self.director.clock.set_speed(speed))
        self.director.hear("facilitator.paced", {"speed": speed})

    def _step(self, _: str) -> None:
        due = self.director.next_due()
        if due is None:
            raise ValueError("no inject is due")
        self._speed(FASTEST)
        self.director.at(due, lambda: self._speed(0.0))

    def _note(self, text: str) -> None:
        if not text:
            raise ValueError("expected: note [OBJECTIVE:] TEXT")
        objective, colon, rest = text.partition(":")
        known = {entry.id for entry in self.director.scenario.objective}
        about = objective if colon and objective in known else None
        self.director.hear("facilitator.noted", {"objective": about, "text": rest.strip() if about else text})

    def _rate(self, text: str) -> None:
        objective, _, rating = text.partition(" ")
        if objective not in {entry.id for entry in self.director.scenario.objective}:
            raise ValueError(f"unknown objective {objective!r}")
        if rating not in RATINGS:
            raise ValueError(f"expected one of {', '.join(RATINGS)}")
        self.director.hear("facilitator.rated", {"objective": objective, "rating": rating})

    def _end(self, why: str) -> None:
        self.director.end(why)
        if not self.director.log.events:  # nobody came: there is nothing to debrief
            self.closed.set()

    def _real(self, _: str) -> None:
        self.crew.real = True
        self.crew.tell("real")
        self.director.end("a real event")
        self.closed.set()

    def _quit(self, _: str) -> None:
        if self.director.over is None:
            raise ValueError("the drill goes on; `end` it first")
        self.closed.set()


def speed_of(text: str) -> float:
    """A speed as typed. Raises ``ValueError``.

    ``max`` is ten times: beyond, the time that real requests take would look like platforms that answer late.
    """
    if text == "max":
        return FASTEST
    try:
        speed = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no speed") from None
    if not SLOWEST <= speed <= FASTEST:
        raise ValueError(f"expected {SLOWEST:g} to {FASTEST:g}, or max")
    return speed
