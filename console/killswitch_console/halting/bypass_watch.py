"""Looking for bypasses again and again: what is new among them goes into the trail, once, also over many processes.

What was recorded is kept in the state directory, so that a ``check`` every minute does not tell the same every minute.
A look changes nothing on any platform. While a halt or a restore is under way there is none: half of what is seen then
is that work.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from killswitch_backends.attribution import ReadsLater
from killswitch_backends.outside import parsed
from killswitch_backends.protocol import Backend
from killswitch_console import private
from killswitch_console.halting.bypasses import AFTERGLOW, Bypass, attributed, unexplained
from killswitch_console.halting.ledger import Ledger
from killswitch_console.halting.recording import Recorder
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.targets import BackendRef, TargetId

FILE = "bypasses.json"
ASKED_MOST = 20
"""Targets of one backend that its log is asked about in one look."""
_NEVER = datetime.min.replace(tzinfo=UTC)


class BypassWatch:
    """What one engine knows of bypasses. Use it in the engine's loop."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        backends: Callable[[], Mapping[BackendRef, Backend]],
        ledger: Ledger | None,
        recorder: Recorder,
        state_dir: Path,
        now: Callable[[], datetime],
        busy: Callable[[], bool],
    ) -> None:
        self._fleet, self._backends, self._ledger, self._recorder = fleet, backends, ledger, recorder
        self._file, self._now, self._busy = state_dir / FILE, now, busy
        self._first_seen: dict[TargetId, datetime] = {}
        self._attributed: dict[TargetId, Bypass] = {}
        self._asked_at: dict[TargetId, datetime] = {}
        self._turn = asyncio.Lock()
        self.known: tuple[Bypass, ...] = ()
        """What the last look found."""

    async def read_whole(self, seconds: float) -> tuple[BackendRef, ...]:
        """Wait until all platforms have read what they listed; those that have not, after so many seconds."""
        open_now = self._backends()
        reading = {
            ref: asyncio.create_task(backend.read_whole(), name=f"reading of {ref}")
            for ref, backend in open_now.items()
            if isinstance(backend, ReadsLater)
        }
        if reading:
            await asyncio.wait(reading.values(), timeout=seconds)
        unread = tuple(ref for ref, task in sorted(reading.items()) if not task.done())
        for task in reading.values():
            task.cancel()
        return unread

    async def look(self, *, patience: float = 0.0) -> tuple[Bypass, ...]:
        """All bypasses there are, with who did them; new ones are recorded.

        ``patience``: seconds that a target must have been seen off without an explanation before it counts; another
        bastion's halt may stand before its marks do. Without a ledger nothing is known to be a bypass.

        Raises:
            LedgerError: this bastion's own halts cannot be looked up.
        """
        async with self._turn:
            if self._ledger is not None and not self._busy():
                off = [bypass.target for bypass in unexplained(self._fleet, (), self._now())]
                since = self._now() - AFTERGLOW
                halts = await self._ledger.explaining(off, since=since) if off else []
                found = unexplained(self._fleet, halts, self._now())
                self.known = await self._told(self._lasting(found, timedelta(seconds=patience)))
                await self._record(self.known)
            return self.known

    def _lasting(self, found: Iterable[Bypass], patience: timedelta) -> list[Bypass]:
        now, before = self._now(), self._first_seen
        bypasses = {bypass.target: bypass for bypass in found}
        self._first_seen = {target: before.get(target, now) for target in bypasses}
        return [bypass for target, bypass in bypasses.items() if now - self._first_seen[target] >= patience]

    async def _told(self, found: list[Bypass]) -> tuple[Bypass, ...]:
        """With who did each: asked of the platforms' logs until they tell, a few at a look, and not again."""
        here = {bypass.target for bypass in found}
        self._attributed = {target: known for target, known in self._attributed.items() if target in here}
        self._asked_at = {target: at for target, at in self._asked_at.items() if target in here}
        asking = self._next_to_ask([bypass for bypass in found if bypass.target not in self._attributed])
        self._asked_at |= {bypass.target: self._now() for bypass in asking}
        answers = {bypass.target: bypass for bypass in await attributed(asking, self._backends())}
        self._attributed |= {target: bypass for target, bypass in answers.items() if bypass.deed is not None}
        told = {**answers, **self._attributed}
        return tuple(told.get(bypass.target) or replace(bypass, unknown="not looked up yet") for bypass in found)

    def _next_to_ask(self, found: list[Bypass]) -> list[Bypass]:
        """Those whose turn it is: logs answer twice a second."""
        waiting: defaultdict[BackendRef, list[Bypass]] = defaultdict(list)
        for bypass in sorted(found, key=lambda one: (self._asked_at.get(one.target, _NEVER), one.target)):
            waiting[bypass.target.backend].append(bypass)
        return [bypass for some in waiting.values() for bypass in some[:ASKED_MOST]]

    async def _record(self, bypasses: Iterable[Bypass]) -> None:
        """Put into the trail what is new, what is now attributed, and what is over."""
        recorded = await asyncio.to_thread(self._recall)
        present = {str(bypass.target): bypass for bypass in bypasses}
        for name, bypass in present.items():
            if recorded.get(name) != _attribution(bypass):
                self._recorder.note("bypass.found", _particulars(bypass))
        over = [name for name in recorded if name not in present and self._listed(name)]
        for name in over:
            self._recorder.note("bypass.ended", {"target": name, "what": "it is on again, or a halt explains it now"})
        kept = {name: known for name, known in recorded.items() if name not in over}
        after = kept | {name: _attribution(bypass) for name, bypass in present.items()}
        if after != recorded:
            await asyncio.to_thread(self._keep, after)

    def _listed(self, name: str) -> bool:
        """Whether the platform of a target was seen whole: what is not seen is not over."""
        blind = {view.ref for view in self._fleet.blind}
        return TargetId.parse(name).backend not in blind

    def _recall(self) -> dict[str, str]:
        try:
            known = parsed(private.read(self._file))
        except (OSError, ValueError):
            return {}  # then it is recorded once more
        return {str(name): str(who) for name, who in known.items()} if isinstance(known, dict) else {}

    def _keep(self, recorded: Mapping[str, str]) -> None:
        temporary = self._file.with_name(f".{FILE}.{os.getpid()}")
        with suppress(OSError):  # as above: an event told twice is no harm
            temporary.write_text(json.dumps(dict(sorted(recorded.items())), indent=1))
            temporary.replace(self._file)


def _attribution(bypass: Bypass) -> str:
    """Who did it as far as that does not change from look to look: nothing until it is known."""
    return bypass.who if bypass.deed is not None else ""


def _particulars(bypass: Bypass) -> dict[str, Any]:
    deed = bypass.deed
    return {
        "target": str(bypass.target),
        "agents": [str(key) for key in bypass.agents],
        "what": f"off, and no halt explains it: {bypass.who}",
        "action": deed.action if deed else None,
        "who": deed.who if deed else None,
        "changed_at": deed.at.isoformat() if deed else None,
        "source": deed.source if deed else None,
    }
