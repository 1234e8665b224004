"""Halts that lie over one another: which of them keeps a target halted, and from whose memory it is put back.

A halt that is restored lets go of what another halt still holds; the last one to let go puts the original back. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from killswitch_backends.protocol import Captured
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_inventory.targets import TargetId


@dataclass(frozen=True, slots=True)
class Part:
    """One halt's part in one target that is not put back yet."""

    halt_id: str
    progress: TargetProgress

    @property
    def holds(self) -> bool:
        """Whether it keeps the target halted; what somebody has changed since is no longer its own."""
        return self.progress.holds and self.progress.state is not TargetState.CONFLICT


Overlaps = Mapping[TargetId, Sequence[Part]]
"""For each target: the halts that lie over it besides the one being restored, oldest first."""


def overlaps(record: HaltRecord, others: Iterable[HaltRecord]) -> Overlaps:
    """Which other halts touched targets of this one and have not put them back."""
    found: defaultdict[TargetId, list[Part]] = defaultdict(list)
    own = {t.target for t in record.touched}
    for other in sorted(others, key=lambda r: r.header.invoked_at):
        for progress in other.touched:
            if progress.target in own and progress.state is not TargetState.RESTORED:
                found[progress.target].append(Part(other.header.halt_id, progress))
    return found


def topmost(own: Part, others: Sequence[Part]) -> Part:
    """The halt whose mark is on the target, with the prior state from before all of them.

    A later halt takes the prior state from the earlier one's mark. Where it saw no mark, only something already off,
    what it captured is the earlier halt's doing, and the earlier one's memory counts.
    """
    parts = sorted((own, *others), key=lambda part: _touched_at(part.progress))
    top = parts[-1]
    captured = top.progress.captured
    for part in reversed(parts[:-1]):
        if captured is None or _is_anothers_doing(captured):
            captured = part.progress.captured or captured
    return Part(top.halt_id, replace(top.progress, captured=captured))


def _is_anothers_doing(captured: Captured) -> bool:
    return captured.already_off and captured.marked_by is None


def _touched_at(progress: TargetProgress) -> float:
    moment = progress.requested_at or (progress.captured.at if progress.captured else None)
    return moment.timestamp() if moment else 0.0
