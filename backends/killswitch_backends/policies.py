"""The seam for ``policy``: each platform prints the least rights that this console needs there, from its own lists.

A ``BackendKind`` that also has ``policies`` takes part; nothing here may import an SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

Tables = Mapping[str, Sequence[object]]
"""The configured settings by kind of backend (``{"kubernetes": [...]}``); empty without a configuration."""

PolicyText = Callable[[Tables], str]
"""A text to read, change and apply on the platform."""


@runtime_checkable
class PolicyKind(Protocol):
    """A ``BackendKind`` that can print policies."""

    policies: ClassVar[Mapping[str, PolicyText]]
    """By the name that ``policy`` takes; kinds of one vendor may share a name, and then the text."""
