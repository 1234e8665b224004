"""Who this session is: asked of every platform once it can be seen, and again whenever its credentials change.

Recorded, and told to whoever watches, with what does not fit the role of the person at the console.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace

from killswitch_console.authority.gate import Gate
from killswitch_console.authority.invoker import Invoker, PlatformName, current_invoker
from killswitch_console.authority.roles import Authority, mismatches
from killswitch_console.halting.recording import Recorder

Tell = Callable[[Invoker, tuple[str, ...]], None]
"""Takes who this is, with what the platforms call them, and what does not fit."""


class Introducing:
    """One engine's introduction to its platforms; also whom it stands for before they answered."""

    def __init__(self, gate: Gate, authority: Authority | None, *, environment: str, recorder: Recorder, tell: Tell):
        self._gate, self._authority, self._environment = gate, authority, environment
        self._recorder, self._tell = recorder, tell
        self._anew = asyncio.Event()

    def again(self) -> None:
        """The credentials changed: ask anew."""
        self._gate.forget()
        self._anew.set()

    async def run(self, settled: Callable[[], Awaitable[None]]) -> None:
        """Introduce this session until cancelled, each time once ``settled`` returns."""
        self._say((), asked=False)
        while True:
            self._anew.clear()
            await settled()
            names = await self._gate.identify()
            self._recorder.note("session.identity", {"platforms": [asdict(name) for name in names]})
            self._say(names, asked=True)
            await self._anew.wait()

    def _say(self, names: tuple[PlatformName, ...], *, asked: bool) -> None:
        me = replace(current_invoker(), platforms=names)
        role = self._authority.role_of(me, self._environment) if self._authority is not None else None
        wrong = mismatches(self._authority, me, self._environment, asked=asked)
        self._tell(replace(me, role=role), wrong)
