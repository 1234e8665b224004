"""What stands at the top of every screen: the environment, who is here, what each platform shows, what is held."""

from __future__ import annotations

from datetime import datetime

from killswitch_console.hostile import clean
from killswitch_console.tui.halt_book import HaltBook
from killswitch_console.tui.lines import holding, words
from killswitch_console.tui.lines.spans import Line, Span, Tone, length, plain, spread, wrapped
from killswitch_console.tui.live_halt import LiveHalt, Phase
from killswitch_console.tui.model import GroupRow
from killswitch_console.tui.state import COVERAGE_COMES
from killswitch_inventory.sightedness import BackendView, Sightedness


def title(
    environment: str, invoker: str, total: GroupRow, doubt: str, now: datetime, width: int, word: str = ""
) -> Line:
    """The environment in its colour and its name, the fleet in one breath, who is here, and the time.

    ``word`` says in words what the frame says in colour, where that is more than the environment.
    """
    left: list[Span] = [(f" {clean(environment, most=24)} ", words.environment(environment)), ("  ", Tone.PLAIN)]
    if word:
        left.insert(1, (f" {word} ", Tone.BAD))
    left.append((words.counted(total.agents, "agent"), Tone.STRONG))
    left.append((f"  {total.running:,} running", Tone.PLAIN))
    if total.uncovered:
        left.append((f"  ! {total.uncovered:,} not covered", Tone.WARN))
    if doubt:
        tone = Tone.MUTED if doubt == COVERAGE_COMES else Tone.WARN
        left.append((f"  {clean(doubt, most=max(20, width - length(left) - 2))}", tone))
    tail: list[Span] = [(clean(invoker, most=30), Tone.MUTED), (f"  {now:%H:%M}Z ", Tone.MUTED)]
    while len(tail) > 0 and length(left) + length(tail) >= width:
        tail.pop(0)
    return spread(tuple(left), tuple(tail), width)


def backend_lights(views: tuple[BackendView, ...], now: datetime, *, starting: bool) -> list[Line]:
    """A light per platform, seen live or since when not: by name, then without what is live, then counted."""
    if not views:
        return [plain("… starting", Tone.MUTED)] if starting else [plain("no platform is configured", Tone.WARN)]
    lit = [_backend(view, now) for view in views]
    if all(view.sightedness is Sightedness.LIVE for view in views):
        names = "  ".join(f"● {clean(str(view.ref), most=40)}" for view in views)
        return [((names, Tone.OK), ("  live", Tone.MUTED)), plain(f"● {len(views)} platforms live", Tone.OK)]
    dark = [entry for view, entry in zip(views, lit, strict=True) if view.sightedness is not Sightedness.LIVE]
    live = len(views) - len(dark)
    counted: list[Line] = [plain(f"● {live} live", Tone.OK)] if live else []
    return [_joined(lit), _joined([*counted, *dark]), _joined([*counted, dark[0], plain(f"+{len(dark) - 1}")])]


def _joined(lights: list[Line]) -> Line:
    spans: list[Span] = []
    for light in lights:
        spans += [*([("  ", Tone.PLAIN)] if spans else []), *light]
    return tuple(spans)


def _backend(view: BackendView, now: datetime) -> Line:
    symbol, tone = words.SIGHTEDNESS[view.sightedness]
    said = str(view.sightedness)
    if view.sightedness is Sightedness.STALE:
        said += f" {words.age(view.as_of, now)}"
    return ((f"{symbol} ", tone), (clean(str(view.ref), most=40), Tone.PLAIN), (f" {said}", tone))


def problems(views: tuple[BackendView, ...], width: int) -> list[Line]:
    """Why each platform that cannot be seen cannot, in two lines at most."""
    lines: list[Line] = []
    for view in views:
        if view.problem and view.sightedness in (Sightedness.STALE, Sightedness.FAILED):
            said = view.problem if view.problem.startswith(str(view.ref)) else f"{view.ref}: {view.problem}"
            lines += wrapped(f"✖ {clean(said, most=2 * width - 8)}", width - 2, tone=Tone.BAD, indent=" ")
    return lines


def banner(book: HaltBook, now: datetime, width: int) -> list[Line]:
    """What is held or under way, here or by another bastion: nothing, or one line that nobody can overlook."""
    held = book.held()
    many = len(held) + len(book.foreign)
    if not many:
        return []
    said, symbol, tone = _loudest(held, book, now)
    more = f"  +{many - 1} more" if many > 1 else ""
    tail: Line = (("[o] open ", Tone.ACCENT),)
    room = width - length(tail) - len(more) - 5
    return [spread(((f" {symbol} {clean(said, most=max(20, room))}{more}", tone),), tail, width)]


def _loudest(held: list[LiveHalt], book: HaltBook, now: datetime) -> tuple[str, str, Tone]:
    """The one thing that the banner has room for: what is revived, then what is under way, then what is held."""
    for halt in held:
        if said := holding.alarm(halt, now):
            return f"{said}: {halt.header.scope}", "▲", Tone.BAD
    if not held:
        found = book.foreign[0]
        count = words.counted(len(found.targets), "target")
        return f"HELD by another bastion: {found.halt_id} by {found.invoker}, {count}", "■", Tone.HALTED
    under_way = held[0].phase.under_way
    return _held(held[0], now), "»" if under_way else "■", Tone.WARN if under_way else Tone.HALTED


_BANNER = {
    Phase.HALTING: "HALTING",
    Phase.RESTORING: "RESTORING",
    Phase.ENDED: "HELD",
    Phase.RESTORED: "NOT ALL RESTORED",
}


def _held(halt: LiveHalt, now: datetime) -> str:
    header = halt.header
    by = header.invoker.sudo_user or header.invoker.os_user
    since = words.age(header.invoked_at, now)
    return f"{_BANNER[halt.phase]} {header.scope} by {by} {since} ago: {header.reason}"
