"""The user's own keys: ``[keys]`` of the configuration, from the id of a binding to the keys it shall have.

Ids stand beside each key in the classes' ``BINDINGS``; ``docs/console.md`` lists them. Textual does the re-mapping;
this finds ids that nothing has, which would otherwise be silently without effect.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping

from textual.binding import Binding
from textual.dom import DOMNode

from killswitch_console.tui import screens, widgets

_PACKAGES = (screens.__name__, widgets.__name__)


def known() -> dict[str, Binding]:
    """Every binding that has an id, of every screen and widget that is imported by now."""
    return {binding.id: binding for binding in _bindings(_classes()) if binding.id}


def unknown(keys: Mapping[str, str], apps: Iterable[type[DOMNode]]) -> list[str]:
    """Ids of the configuration that nothing has; call it once all screens are imported."""
    ids = known().keys() | {binding.id for binding in _bindings(apps)} | {f"place.{n}" for n in range(1, 10)}
    return sorted(key for key in keys if key not in ids)


def _classes() -> Iterator[type[DOMNode]]:
    """Of what is imported by now; other threads import meanwhile, so no module is walked through while it grows."""
    for name, module in list(sys.modules.items()):
        if name.startswith(_PACKAGES):
            inside = list(vars(module).values())
            yield from (one for one in inside if isinstance(one, type) and issubclass(one, DOMNode))


def _bindings(classes: Iterable[type[DOMNode]]) -> Iterator[Binding]:
    for one in classes:
        yield from Binding.make_bindings(one.BINDINGS)
