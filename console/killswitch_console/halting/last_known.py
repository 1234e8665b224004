"""The last known fleet, kept in the state directory: what an engine goes by when a platform cannot be listed.

One file per backend, written whole when a listing is whole, read only when one fails. It is no evidence of anything:
its facts carry the time at which they were seen, and everything halted by it is read anew first.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from killswitch_backends.outside import parsed_exactly
from killswitch_console import private
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.sightedness import Sightedness
from killswitch_inventory.sightings import TargetSighting
from killswitch_inventory.targets import BackendRef

_LOG = logging.getLogger(__name__)

READ_SECONDS = 5.0
KEEP_SECONDS, LAST_SECONDS = 60.0, 1.0
"""How often it is kept; how long leaving may take for it."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """All targets of one backend, and when it was last seen whole."""

    as_of: datetime
    sightings: tuple[TargetSighting, ...]


@dataclass(frozen=True, slots=True)
class LastKnown:
    """The files."""

    folder: Path

    def has(self, ref: BackendRef) -> bool:
        """Whether anything was kept of a backend; asks the file system, briefly."""
        return self._file(ref).exists()

    async def recall(self, ref: BackendRef) -> Remembered | None:
        """What was known of a backend; None where nothing was, or it cannot be read (any more)."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await asyncio.to_thread(_read, self._file(ref))
        except (OSError, ValidationError, ValueError, TimeoutError):
            return None

    async def keep(self, ref: BackendRef, remembered: Remembered, stop: Callable[[], bool]) -> None:
        """Keep what is known now, unless ``stop`` says that there is something better to do.

        Raises:
            OSError: it cannot be written.
        """
        await asyncio.to_thread(_write, self._file(ref), remembered, stop)

    def _file(self, ref: BackendRef) -> Path:
        return self.folder / f"{ref.kind}-{ref.name}.jsonl"


class FleetKeeper:
    """Keeps what one engine knows, now and then, while nothing is being halted."""

    def __init__(self, last_known: LastKnown, fleet: Fleet, *, busy: Callable[[], bool]) -> None:
        self._last_known, self._fleet, self._busy = last_known, fleet, busy
        self._kept: dict[BackendRef, datetime] = {}

    async def run(self) -> None:
        """Keep it until cancelled."""
        while True:
            await self.keep()
            await asyncio.sleep(KEEP_SECONDS)

    async def keep(self) -> None:
        """Keep what is known now, as far as it is whole and was not kept yet."""
        for view in self._fleet.backends:
            live = view.sightedness is Sightedness.LIVE and view.as_of != self._kept.get(view.ref)
            if live and view.as_of is not None and not self._busy():
                await self._keep_one(view.ref, Remembered(view.as_of, self._fleet.sightings(view.ref)))
                self._kept[view.ref] = view.as_of

    async def keep_last(self) -> None:
        """Keep it once more on leaving, quickly: a command that only looked has seen it too."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await self.keep()

    async def _keep_one(self, ref: BackendRef, remembered: Remembered) -> None:
        try:
            await self._last_known.keep(ref, remembered, stop=self._busy)
        except Exception as error:  # noqa: BLE001  (it is a convenience for another day; sighting must go on)
            _LOG.warning("the last known fleet of %s could not be kept: %r", ref, error)


@cache
def _adapters() -> tuple[TypeAdapter[datetime], TypeAdapter[TargetSighting]]:
    return TypeAdapter(datetime), TypeAdapter(TargetSighting)


def _read(path: Path) -> Remembered:
    moment, sighting = _adapters()
    with os.fdopen(private.open_file(path, os.O_RDONLY), "rb") as file:
        as_of = moment.validate_json(file.readline())
        return Remembered(as_of, tuple(sighting.validate_python(parsed_exactly(line)) for line in file))


def _write(path: Path, remembered: Remembered, stop: Callable[[], bool]) -> None:
    """One line each, so that the thread lets others run between them."""
    moment, sighting = _adapters()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(moment.dump_json(remembered.as_of) + b"\n")
            for one in remembered.sightings:
                if stop():
                    return
                plain = sighting.dump_python(replace(one, facts=dict(one.facts)), mode="json")
                file.write(json.dumps(plain).encode() + b"\n")  # ASCII: also text that is not whole Unicode is kept
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
