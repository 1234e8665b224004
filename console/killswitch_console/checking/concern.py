"""What a check is made of: concerns, each one module of the package ``concerns``, found by listing it.

To add one, write ``concerns/<name>.py`` with an async function that looks and, after it, ``CONCERN = Concern(
name="bypasses", order=45, look=look)``. That is all: ``check``, its JSON and metrics and the readiness screen show it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module

from killswitch_backends.checking import Finding
from killswitch_console.checking import concerns
from killswitch_console.config import Configuration
from killswitch_console.halting.engine import Engine


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What a concern may look at: harmless calls only, and nothing that asks a person."""

    settled: Configuration
    engine: Engine
    """Open, and sighted as far as it could be. Concerns run in its loop: what blocks goes to threads."""
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One section of a check."""

    name: str
    """The section's name: also a label of the metrics."""
    order: int
    """Low comes first: what a person should mend first."""
    look: Callable[[Inquiry], Awaitable[Sequence[Finding]]]
    """Takes 30 s at most (``everything.LOOK_SECONDS``); what it raises is a finding."""


def all_concerns() -> tuple[Concern, ...]:
    """Every concern, in order. Imports them."""
    names = sorted(module.name for module in pkgutil.iter_modules(concerns.__path__))
    found = [getattr(import_module(f"{concerns.__name__}.{name}"), "CONCERN", None) for name in names]
    return tuple(sorted((c for c in found if isinstance(c, Concern)), key=lambda c: (c.order, c.name)))
