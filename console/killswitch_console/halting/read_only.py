"""An engine that can only be looked at: for ``--read-only`` and the wall display.

Two walls, so that a defect in one is stopped by the other: work that is handed to the engine's thread gets ``Looking``
(an allow-list of what reads), and the backends beneath were opened through ``looking_only``, which lets none of their
changing methods through. Halts are not held either: re-asserting one is a change.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn, cast

from killswitch_backends.protocol import Backend, Captured, Order, Watch
from killswitch_console.authority.glass_settings import GlassSettings
from killswitch_console.halting.settings import EngineSettings
from killswitch_console.halting.sighting import Opener


class ReadOnlyRefused(Exception):
    """Somebody who may only look tried to change something; nothing was done."""

    def __init__(self, what: str) -> None:
        super().__init__(f"this console is read-only: {what} is refused; nothing was done")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be reached of an object: names, and of some of them only a part in turn."""

    whole: frozenset[str]
    parts: Mapping[str, Allowed]


def _allowed(*whole: str, **parts: Allowed) -> Allowed:
    return Allowed(frozenset(whole), parts)


_BACKEND_READS: Final = frozenset(
    {"ref", "layer", "budget", "identity", "sight", "preflight", "capture", "observe", "compare", "shows_instances"}
)

ENGINE: Final = _allowed(
    *("settings", "fleet", "backends", "discover", "plan", "record", "records", "foreign", "takes_two", "recorder"),
    ledger=_allowed("halt", "halts"),
    gate=_allowed("names", "identify"),
    glass=_allowed("opening"),
)
"""All that a face which only looks may reach of an engine."""


class Looking:
    """Something of which only a part can be reached; everything else raises ``ReadOnlyRefused``."""

    __slots__ = ("__allowed", "__it")

    def __init__(self, it: object, allowed: Allowed = ENGINE) -> None:
        self.__it, self.__allowed = it, allowed

    def __getattr__(self, name: str) -> Any:
        if name in self.__allowed.whole:
            return getattr(self.__it, name)
        if (part := self.__allowed.parts.get(name)) is not None:
            found = getattr(self.__it, name)
            return None if found is None else Looking(found, part)
        raise ReadOnlyRefused(name.replace("_", " "))


class LookingBackend:
    """A backend whose changing methods are walled up; what is not known to read is not there at all."""

    def __init__(self, backend: Backend) -> None:
        self.__backend = backend

    def __getattr__(self, name: str) -> Any:
        if name in _BACKEND_READS:
            return getattr(self.__backend, name)
        raise AttributeError(name)  # ``isinstance`` with a runtime protocol asks for what may be missing

    async def halt(self, captured: Captured, order: Order) -> NoReturn:
        """Refused."""
        del order
        raise ReadOnlyRefused(f"halting {captured.target}")

    async def restore(self, watch: Watch, order: Order) -> NoReturn:
        """Refused."""
        del order
        raise ReadOnlyRefused(f"restoring {watch.target}")


def looking_only(settings: EngineSettings) -> EngineSettings:
    """The same settings for an engine that can change nothing: backends walled up, no emergency credentials."""
    openers = {ref: _walled(opener) for ref, opener in settings.openers.items()}
    return replace(settings, openers=openers, glass=GlassSettings())


def _walled(opener: Opener) -> Opener:
    @asynccontextmanager
    async def open_walled() -> AsyncIterator[Backend]:
        async with opener() as backend:
            yield cast("Backend", LookingBackend(backend))

    def open_it() -> AbstractAsyncContextManager[Backend]:
        return open_walled()

    return open_it
