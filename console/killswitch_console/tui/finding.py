"""Parts of the console that are found by listing a package: a new one is one new file, and no list is edited.

Modules are imported when they are wanted, not before: the first paint waits for none of them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Generic, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Broken:
    """A module that cannot be imported: the others work, and a person is told."""

    module: str
    why: str


@dataclass(frozen=True, slots=True)
class Found(Generic[_T]):
    """What a package's modules carry under one name, in the order of the modules' names."""

    parts: tuple[_T, ...]
    broken: tuple[Broken, ...]


def modules(package: ModuleType) -> list[str]:
    """The modules of a package by name; imports none of them."""
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))


def find(package: ModuleType, attribute: str, kind: type[_T]) -> Found[_T]:
    """Import every module of a package and take what each carries under ``attribute``.

    A module may carry nothing. One that cannot be imported is reported, and keeps no other from being found: a defect
    in one screen must not keep a person from halting by another.
    """
    parts: list[_T] = []
    broken: list[Broken] = []
    for name in modules(package):
        try:
            carried = getattr(import_module(f"{package.__name__}.{name}"), attribute, None)
        except Exception as defect:  # noqa: BLE001  (see above; whoever opens the console reads it)
            broken.append(Broken(name, repr(defect)))
            continue
        parts += [part for part in _several(carried) if isinstance(part, kind)]
    return Found(tuple(parts), tuple(broken))


def _several(carried: object) -> Iterator[object]:
    if isinstance(carried, tuple):
        yield from carried
    elif carried is not None:
        yield carried
