"""Which names can be targets of a kind of platform: so that a wrong one in the configuration is refused at once.

A capability that a ``BackendKind`` may have beside the protocol. No request is made, nothing is imported for it.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from killswitch_inventory.targets import TargetId


@runtime_checkable
class NamesTargets(Protocol):
    """A ``BackendKind`` that knows how its targets are written."""

    def check_name(self, target: TargetId) -> None:
        """Accept what may name a target, whether it exists or not.

        Raises:
            Problem: what is wrong with it, and what to write instead.
        """
        ...
