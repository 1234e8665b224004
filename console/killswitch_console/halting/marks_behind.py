"""Before a console closes: let the halt marks that follow behind be written, and say which targets have none.

A stop never waits for a mark; so a halt of thousands is proven before all are written. Closing waits for them while
they progress, within the limit that the backends set. What has none then is in the ledger, the trail and on the screen:
whoever holds or resumes that halt writes them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping

from killswitch_backends.marks import MarksBehind, Unmarked
from killswitch_backends.protocol import Backend
from killswitch_console.halting.board import Publish
from killswitch_console.halting.events import Warned
from killswitch_console.halting.ledger import Ledger, LedgerError
from killswitch_console.halting.recording import Recorder
from killswitch_inventory.targets import BackendRef

SAID_AFTER = 1.0
"""Seconds of waiting after which a person is told what is being waited for."""
NAMED_MOST = 3


async def finish_marks(
    backends: Mapping[BackendRef, Backend], *, ledger: Ledger | None, recorder: Recorder, publish: Publish
) -> None:
    """Wait for the marks that are being written, then say what has none."""
    behind = [backend for backend in backends.values() if isinstance(backend, MarksBehind) and backend.unmarked()]
    if not behind:
        return
    finishing = [asyncio.create_task(backend.finish_marks(), name="halt marks") for backend in behind]
    try:
        _, waiting = await asyncio.wait(finishing, timeout=SAID_AFTER)
        if waiting:
            count = sum(len(backend.unmarked()) for backend in behind)
            publish(
                Warned(f"still writing halt marks on {count} targets; they are halted whatever becomes of the marks")
            )
            await asyncio.wait(waiting)
    finally:
        for task in finishing:
            task.cancel()
        left = [unmarked for backend in behind for unmarked in backend.unmarked()]
        await _say(left, ledger=ledger, recorder=recorder, publish=publish)


async def _say(left: Iterable[Unmarked], *, ledger: Ledger | None, recorder: Recorder, publish: Publish) -> None:
    by_halt: defaultdict[str, list[Unmarked]] = defaultdict(list)
    for unmarked in left:
        by_halt[unmarked.halt_id].append(unmarked)
    for halt_id, some in by_halt.items():
        text = _words(some)
        publish(Warned(text, halt_id))
        targets = [f"{unmarked.target}: {unmarked.why}" for unmarked in some]
        recorder.note("halt.unmarked", {"what": text, "targets": targets}, halt_id=halt_id)
        if ledger is not None:
            try:
                await ledger.warn(halt_id, text)
            except LedgerError as error:
                publish(Warned(f"that cannot be kept: {error}", halt_id))


def _words(some: list[Unmarked]) -> str:
    named = ", ".join(str(unmarked.target) for unmarked in some[:NAMED_MOST])
    more = f" and {len(some) - NAMED_MOST} more" if len(some) > NAMED_MOST else ""
    return (
        f"{len(some)} halted targets carry no halt mark, so no other bastion can see it there ({named}{more}); "
        "`hold` or `resume` writes what is missing"
    )
