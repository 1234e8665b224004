"""Telling holds of other bastions that a halt is about to be restored, before anything of it is put back.

Best effort on each target, and never silent: where a restore cannot be announced, a hold elsewhere may take it for a
revival, and a person must know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Order
from killswitch_backends.restores import SharesRestores
from killswitch_console.halting.means import Means
from killswitch_console.halting.progress import TargetProgress, by_backend, watch_of
from killswitch_inventory.targets import BackendRef

ANNOUNCE_SECONDS: Final = 15.0
"""How long announcing may take, all in all, beside the notice itself."""


async def announce(
    targets: Sequence[TargetProgress], order: Order, means: Means, *, warn: Callable[[str], None]
) -> None:
    """Announce a restore on its targets, and wait as long as holds elsewhere may take to see that."""
    work = [
        asyncio.create_task(_tell_backend(ref, mine, order, means), name=f"announce on {ref}")
        for ref, mine in by_backend(targets).items()
    ]
    if not work:
        return
    done = await asyncio.gather(*work)
    if unheard := [name for _, names in done for name in names]:
        warn(
            f"{len(unheard)} targets could not be told of this restore ({unheard[0]}): "
            "a hold on another bastion may halt them again; stop it there if it does"
        )
    await asyncio.sleep(max(seconds for seconds, _ in done))


async def withdraw(targets: Sequence[TargetProgress], order: Order, means: Means) -> None:
    """Take back what was announced on targets that stay halted; an announcement that is left ends by itself."""
    for ref, mine in by_backend(targets).items():
        backend = means.backends.get(ref)
        if backend is not None and isinstance(backend, SharesRestores):
            await _each(
                [(t, backend.withdraw(watch_of(t), order)) for t in mine if t.captured], backend.budget.parallel
            )


async def _tell_backend(
    ref: BackendRef, targets: Sequence[TargetProgress], order: Order, means: Means
) -> tuple[float, list[str]]:
    """Seconds that this backend's holds need to see it, and what could not be told."""
    backend = means.backends.get(ref)
    if backend is None or not isinstance(backend, SharesRestores):
        return 0.0, [str(t.target) for t in targets]
    if not backend.announces:
        return 0.0, []
    known = [t for t in targets if t.captured]
    failed = await _each([(t, backend.announce(watch_of(t), order)) for t in known], backend.budget.parallel)
    return (backend.notice_seconds(len(targets)) if len(failed) < len(known) else 0.0), failed


async def _each(work: Sequence[tuple[TargetProgress, Coroutine[None, None, None]]], parallel: int) -> list[str]:
    """Do it for every target, so many at once; for which it failed, and why."""
    slots = asyncio.Semaphore(parallel)

    async def one(target: TargetProgress, doing: Coroutine[None, None, None]) -> str:
        try:
            async with slots, asyncio.timeout(ANNOUNCE_SECONDS):
                await doing
        except Problem as problem:
            return str(problem)
        except TimeoutError:
            return f"{target.target}: no answer within {ANNOUNCE_SECONDS:g} s"
        return ""

    return [failed for failed in await asyncio.gather(*(one(*each) for each in work)) if failed]
