"""Around the tree of the fleet: what to say when it shows nothing, and what is filtered and marked."""

from __future__ import annotations

from killswitch_console.hostile import clean
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import BLANK, Line, Span, Tone, length, plain, spread, wrapped
from killswitch_console.tui.model import FleetModel
from killswitch_console.tui.state import ConsoleState
from killswitch_inventory.sightedness import Sightedness


def empty(state: ConsoleState, width: int) -> list[Line]:
    """Why there is no agent to show: starting, listing, failed, filtered out, or truly none."""
    return [BLANK, *((("  ", Tone.PLAIN), *line) for line in _why_empty(state, width - 4))]


def _why_empty(state: ConsoleState, room: int) -> list[Line]:
    if state.problem:
        return [plain("The engine could not start", Tone.BAD), *wrapped(state.problem, room)]
    if len(state.fleet):
        why = state.fleet.filter.problem or "Esc clears the filter."
        return [plain("No agent passes the filter", Tone.WARN), *wrapped(clean(why), room)]
    if not state.backends or state.listing:
        names = ", ".join(str(view.ref) for view in state.listing) or "the platforms"
        return [plain("Listing agents", Tone.ACCENT), *wrapped(f"waiting for {names}", room, tone=Tone.MUTED)]
    if all(view.sightedness is Sightedness.FAILED for view in state.backends):
        told = "The reasons stand above; each is tried again every few seconds."
        return [plain("No platform can be seen", Tone.BAD), *wrapped(told, room)]
    why = "No target on these platforms carries an agent label or tag, and none is declared in the configuration."
    return [plain("No agent is known", Tone.WARN), *wrapped(why, room)]


def chosen(fleet: FleetModel, width: int, *, ranging: bool) -> list[Line]:
    """One line on what is filtered and what is marked; none while nothing is."""
    spans: list[Span] = []
    if fleet.filter.text:
        spans += [(f" / {clean(fleet.filter.text, most=max(10, width // 3))}", Tone.STRONG)]
        spans += [(f"  {fleet.shown:,} of {words.counted(len(fleet), 'agent')}", Tone.PLAIN)]
        if fleet.filter.problem:
            spans.append((f"  {clean(fleet.filter.problem, most=60)}", Tone.WARN))
    if fleet.marked or ranging:
        spans.append((f" * {len(fleet.marked):,} marked", Tone.ACCENT))
        spans.append(("  range: v ends it" if ranging else "  H halts them, u unmarks", Tone.MUTED))
    tail: Line = (("Esc clears ", Tone.MUTED),) if fleet.filter.text and not ranging else ()
    if len(spans) > 2 and length(spans) + length(tail) >= width:
        spans.pop()  # the keys stand in the help as well
    return [spread(tuple(spans), tail, width)] if spans else []
