"""What was turned off behind the console's back, and by whom as far as a platform's log tells."""

from __future__ import annotations

from collections.abc import Sequence

from killswitch_backends.checking import Finding, Standing
from killswitch_console.checking.concern import Concern, Inquiry
from killswitch_console.halting.bypass_watch import BypassWatch
from killswitch_console.halting.bypasses import Bypass
from killswitch_console.halting.ledger import LedgerError
from killswitch_inventory.targets import BackendRef

SUBJECT = "targets"
SHOWN_MOST = 50
READ_SECONDS = 12.0
"""How long a check waits for what platforms read after their listing."""
TODO = "ask them; a halt here would pin it, mark it and hold it"


async def bypasses(inquiry: Inquiry) -> Sequence[Finding]:
    """A finding for each target that is off although no halt explains it."""
    watch = inquiry.engine.bypasses
    if inquiry.engine.ledger is None:
        return (Finding(SUBJECT, Standing.UNKNOWN, "without the ledger nobody can tell what no halt explains"),)
    unread = await watch.read_whole(READ_SECONDS)
    return (*(_unread(ref) for ref in unread), *await _found(watch))


async def _found(watch: BypassWatch) -> Sequence[Finding]:
    try:
        found = await watch.look()
    except LedgerError as error:
        return (Finding(SUBJECT, Standing.UNKNOWN, f"what halts explain could not be looked up: {error}"),)
    if not found:
        return (Finding(SUBJECT, Standing.OK, "none is off without a halt that explains it"),)
    more = len(found) - SHOWN_MOST
    rest = (Finding(SUBJECT, Standing.WARNING, f"{more} more are off, and no halt explains them"),) if more > 0 else ()
    return (*(_finding(bypass) for bypass in found[:SHOWN_MOST]), *rest)


def _unread(ref: BackendRef) -> Finding:
    return Finding(str(ref), Standing.UNKNOWN, f"not all of it was read within {READ_SECONDS:g} s: more may be off")


def _finding(bypass: Bypass) -> Finding:
    agents = ", ".join(key.name for key in bypass.agents[:3]) + (", ..." if len(bypass.agents) > 3 else "")
    of = f" (of {agents})" if agents else ""
    what = f"is off{of}, and no halt explains it: {bypass.who}"
    return Finding(str(bypass.target), Standing.WARNING, what, TODO)


CONCERN = Concern(name="bypasses", order=45, look=bypasses)
