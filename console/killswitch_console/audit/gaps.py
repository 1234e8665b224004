"""Putting what fell back into the trail: after one event that says how many, from when to when, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from killswitch_console.audit.events import Draft
from killswitch_console.audit.session import Session
from killswitch_console.audit.spool import Spooled
from killswitch_console.audit.trail import Trail
from killswitch_console.audit.waiting import Entry


async def late_ones(trail: Trail, fallen: Sequence[Entry], spooled: Spooled | None) -> list[Draft]:
    """What fell, of this process and of those before it, and is not in the trail yet. Raises ``TrailUnavailable``."""
    waiting = {entry.draft.id: entry.draft for entry in fallen}
    waiting |= {draft.id: draft for draft in (spooled.drafts if spooled else ())}
    missing = await trail.missing(sorted(waiting.values(), key=lambda draft: (draft.at, draft.id)))
    return [replace(draft, late=True) for draft in missing]


def gap(
    session: Session, late: Sequence[Draft], fallen: Sequence[Entry], spooled: Spooled | None, *, why: str
) -> Draft:
    """The event that marks a gap. The same spool gives the same id, whichever process replays it."""
    digest = spooled.digest if spooled and spooled.end else ""
    times = [draft.at for draft in late]
    data = {
        "reason": why or "an earlier run could not write the trail, or ended before it could",
        "from": min(times, default=None),
        "to": max(times, default=None),
        "events": len(late),
        "rungs": dict(Counter(str(entry.rung) for entry in fallen if entry.rung)),
        "spool_sha256": digest or None,
        "damaged": spooled.damaged if spooled else 0,
    }
    event_id = sha256(b"gap" + digest.encode()).hexdigest()[:26].upper() if digest else None
    return session.draft("audit.gap", data, event_id=event_id)
