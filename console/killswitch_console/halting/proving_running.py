"""Whether what a restore put back runs again, as far as a platform shows instances. Reads the fleet, asks nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from killswitch_backends.protocol import ShowsInstances
from killswitch_console.halting.means import Means
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.targets import Layer

RUNNING_SECONDS: Final = 60.0
"""How long instances may take to appear: images must be pulled, nodes made."""

LOOK_SECONDS: Final = 0.1


async def until_running(targets: Sequence[TargetProgress], means: Means) -> list[TargetProgress]:
    """Wait until all that ran before is seen running again; what is not, after a minute."""
    left = [t for t in targets if _is_shown(t, means)]
    try:
        async with asyncio.timeout(RUNNING_SECONDS):
            while left := [t for t in left if not _runs(t, means.fleet)]:  # noqa: ASYNC110  (the fleet tells nobody)
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        return left
    return []


def _is_shown(target: TargetProgress, means: Means) -> bool:
    """Whether it ran before the halt, was put back, and its platform shows instances as they come and go."""
    if target.layer is not Layer.PROCESS or target.state is not TargetState.RESTORED:
        return False
    if target.captured is None or target.captured.already_off or not target.captured.running:
        return False
    backend = means.backends.get(target.target.backend)
    return isinstance(backend, ShowsInstances)


def _runs(target: TargetProgress, fleet: Fleet) -> bool:
    seen = fleet.target(target.target)
    if seen is None:  # deleted since: nothing to wait for
        return True
    return any(not instance.terminating for instance in seen.instances)
