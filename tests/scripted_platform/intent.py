"""What must be on disk before the scripted platform is changed: safety rule 1 of the design."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from killswitch_backends.protocol import Order
from killswitch_inventory.targets import TargetId

if TYPE_CHECKING:
    from scripted_platform.world import World


def durable_intent(world: World, state_dir: Path) -> Callable[[TargetId, Order], None]:
    """A check for ``World.before_change``: the ledger on disk, read by itself, knows what is being done.

    Of what was never halted it knows the very state that is replaced now: a restore would put that back.
    """

    seen: set[TargetId] = set()

    def check(target: TargetId, order: Order) -> None:
        with sqlite3.connect(f"file:{state_dir / 'ledger.sqlite3'}?mode=ro", uri=True, timeout=2) as connection:
            halts = connection.execute("SELECT header FROM halt WHERE halt_id = ?", [order.halt_id]).fetchall()
            rows = connection.execute(
                "SELECT progress FROM target WHERE halt_id = ? AND target = ?", [order.halt_id, str(target)]
            ).fetchall()
        connection.close()
        assert halts, f"{order.halt_id} is not in the ledger"
        assert rows, f"{target} is not in the ledger"
        prior = json.loads(rows[0][0])["captured"]["prior"]
        assert prior, f"{target} has no prior state in the ledger"
        thing = world.things[target]
        if thing.mark is None and target not in seen:
            assert prior == thing.fields, f"{target} is {thing.fields}, the ledger says {prior}"
        seen.add(target)

    return check
