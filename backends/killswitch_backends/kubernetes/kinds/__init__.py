"""The kinds of workload that can be halted: one module per family, each with a tuple ``KINDS``.

A new module in this folder is enough; nothing else names it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from killswitch_backends.kubernetes.kinds.kind import Kind


def every_kind() -> Mapping[str, Kind]:
    """All kinds by name (``Deployment``).

    Raises:
        ValueError: when two modules claim one name.
    """
    kinds: dict[str, Kind] = {}
    for module in pkgutil.iter_modules(__path__):
        for kind in getattr(importlib.import_module(f"{__name__}.{module.name}"), "KINDS", ()):
            if kinds.setdefault(kind.name, kind) is not kind:
                raise ValueError(f"two modules define the kind {kind.name}")
    return kinds
