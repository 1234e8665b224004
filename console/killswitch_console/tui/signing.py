"""Signs: lights in the header, banner lines and the frame of every screen, found by listing the package ``signs``.

1. To add one, write ``signs/<name>.py`` with ``SIGN = Sign(name="trail", order=40, light=..., banner=..., frame=...,
   ask=..., every=30.0)``; all but name and order may be left out. Low orders are loud: first, and last to give way.
2. ``ask(engine)`` is awaited in the engine's loop every ``every`` seconds (files: ``asyncio.to_thread`` inside it);
   its answer comes back as ``glance.known`` (None before the first), what it raised as ``glance.problem``. Without
   ``ask`` a sign is made of ``glance.state`` and ``glance.now`` alone.
3. ``light(glance)`` gives forms of one short light, the longest first; the longest that fits is drawn. () for none.
4. ``banner(glance, width)`` gives a line for every screen, or None; ``frame(glance)`` a ``Look`` or None.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from killswitch_console.halting.engine import Engine
from killswitch_console.hostile import clean
from killswitch_console.tui import signs
from killswitch_console.tui.finding import Broken, find
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import Line, Span, Tone, length
from killswitch_console.tui.state import ConsoleState

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Look:
    """How the frame looks, and the word that says the same without colour."""

    tone: Tone
    word: str
    flashing: bool = False


@dataclass(frozen=True, slots=True)
class Glance(Generic[_T]):
    """What a sign is made of."""

    state: ConsoleState
    now: datetime
    known: _T | None = None
    """What ``ask`` answered last."""
    problem: str = ""
    """Why it could not answer the last time, in words."""


@dataclass(frozen=True, slots=True)
class Sign(Generic[_T]):
    """One sign."""

    name: str
    order: int
    ask: Callable[[Engine], Awaitable[_T]] | None = None
    every: float = 30.0
    """Seconds between two questions."""
    light: Callable[[Glance[_T]], Sequence[Line]] | None = None
    banner: Callable[[Glance[_T], int], Line | None] | None = None
    frame: Callable[[Glance[_T]], Look | None] | None = None


AskEngine = Callable[[Callable[[Engine], Awaitable[Any]], str], Awaitable[Any]]
"""Has the engine answer: the question, and what it is called."""


class SignBoard:
    """All signs, and what they know."""

    def __init__(self) -> None:
        self._signs: tuple[Sign[Any], ...] = ()
        self._known: dict[str, Any] = {}
        self._problems: dict[str, str] = {}
        self.broken: tuple[Broken, ...] = ()
        """Modules of signs that cannot be imported."""

    def load(self) -> None:
        """Look for the signs, importing them; from any thread."""
        found = find(signs, "SIGN", Sign)
        self.broken = found.broken
        self._signs = tuple(sorted(found.parts, key=lambda sign: (sign.order, sign.name)))

    async def keep_asking(self, ask: AskEngine, told: Callable[[], None]) -> None:
        """Ask what signs have to ask, each in its own time, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for sign in self._signs:
                if sign.ask is not None:
                    group.create_task(self._keep_asking_one(sign, sign.ask, ask, told), name=f"sign {sign.name}")

    async def _keep_asking_one(
        self,
        sign: Sign[Any],
        question: Callable[[Engine], Awaitable[Any]],
        ask: AskEngine,
        told: Callable[[], None],
    ) -> None:
        while True:
            before = self._known.get(sign.name), self._problems.get(sign.name)
            try:
                self._known[sign.name] = await ask(question, f"sign {sign.name}")
                self._problems.pop(sign.name, None)
            except Exception as problem:  # noqa: BLE001  (it is shown in the light; a sign must not end the screen)
                self._problems[sign.name] = clean(str(problem) or repr(problem), most=300)
            if (self._known.get(sign.name), self._problems.get(sign.name)) != before:
                told()
            await asyncio.sleep(sign.every)

    def _glance(self, sign: Sign[Any], state: ConsoleState, now: datetime) -> Glance[Any]:
        return Glance(state, now, self._known.get(sign.name), self._problems.get(sign.name, ""))

    def look(self, state: ConsoleState, now: datetime) -> Look:
        """How the frame looks now."""
        for sign in self._signs:
            if sign.frame is not None and (look := sign.frame(self._glance(sign, state, now))) is not None:
                return look
        return Look(words.environment(state.environment), "")

    def banners(self, state: ConsoleState, now: datetime, width: int) -> list[Line]:
        """The lines that every screen shows, the loudest first."""
        said = [s.banner(self._glance(s, state, now), width) for s in self._signs if s.banner is not None]
        return [line for line in said if line is not None]

    def lights(self, state: ConsoleState, now: datetime, width: int) -> Line:
        """One line of lights: each as long as there is room, the quiet ones give way."""
        told = [self._forms(sign, self._glance(sign, state, now)) for sign in self._signs if sign.light is not None]
        return fitted([forms for forms in told if forms], width)

    def _forms(self, sign: Sign[Any], glance: Glance[Any]) -> Sequence[Line]:
        if glance.problem and glance.known is None:
            return (((f"? {sign.name}: {glance.problem}", Tone.WARN),), ((f"? {sign.name}", Tone.WARN),))
        return () if sign.light is None else sign.light(glance)


GAP = "   "
"""Between two lights."""


def fitted(told: Sequence[Sequence[Line]], width: int) -> Line:
    """Of each light the longest form that leaves room for the shortest of all before it is dropped."""
    room = width - 1
    chosen = [forms[-1] for forms in told]
    while chosen and _together(chosen) > room:
        chosen.pop()
    for number, forms in enumerate(told[: len(chosen)]):
        spare = room - _together(chosen) + length(chosen[number])
        chosen[number] = next((form for form in forms if length(form) <= spare), forms[-1])
    spans: list[Span] = [(" ", Tone.PLAIN)]
    for number, form in enumerate(chosen):
        spans += [(GAP, Tone.PLAIN)] * bool(number) + list(form)
    return tuple(spans)


def _together(forms: Sequence[Line]) -> int:
    return sum(length(form) for form in forms) + len(GAP) * max(0, len(forms) - 1)
