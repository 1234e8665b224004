"""Break-glass in words: what is open and until when, how vaults and credentials are. Pure; knows no secret."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from killswitch_console.authority.opening import Opening
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, fit, heading, plain, wrapped
from killswitch_console.vault.register import Entry, Light
from killswitch_console.vault.vault import Probe, VaultState
from killswitch_inventory.sightedness import BackendView, Sightedness
from killswitch_inventory.targets import BackendRef

LIGHT = {Light.GREEN: ("●", Tone.OK), Light.AMBER: ("▲", Tone.WARN), Light.RED: ("✖", Tone.BAD)}
STATE = {
    VaultState.SEALED: ("●", Tone.OK),
    VaultState.OPEN: ("▲", Tone.WARN),
    VaultState.MISSING: ("✖", Tone.BAD),
    VaultState.UNAVAILABLE: ("✖", Tone.BAD),
}


def unseen(views: Sequence[BackendView]) -> tuple[BackendRef, ...]:
    """The platforms that were tried and cannot be seen now."""
    return tuple(view.ref for view in views if view.sightedness in (Sightedness.FAILED, Sightedness.STALE))


def left(opening: Opening, now: datetime) -> str:
    """The time until it is sealed: ``14:05``."""
    seconds = max(0, int((opening.seals_at - now).total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02}"


def open_line(opening: Opening, now: datetime, width: int) -> str:
    """One line for every screen."""
    backends = ", ".join(map(str, opening.backends)) or "no platform"
    text = f" ◆ BREAK-GLASS OPEN {left(opening, now)}  {backends}"
    return clean(text, most=max(20, width))


def open_lines(opening: Opening, now: datetime, width: int, *, takes_two: Sequence[str]) -> list[Line]:
    """All there is to know of glass that is open."""
    lines = [
        plain(f"BREAK-GLASS IS OPEN, for {left(opening, now)} more", Tone.BAD),
        BLANK,
        *_fact("opened by", f"vault {opening.vault}", width),
        *_fact("credentials", ", ".join(opening.credentials), width),
        *_fact("act on", ", ".join(map(str, opening.backends)) or "nothing", width),
    ]
    if opening.unopened:
        lines += _fact("not on", f"{', '.join(opening.unopened)}: normal credentials are used there", width)
    if opening.custodians:
        lines += _fact("custodians", " and ".join(opening.custodians), width)
    if opening.alone:
        lines += _fact("alone", opening.alone, width, Tone.WARN)
    elif takes_two and not opening.countersigned:
        what = f"{', '.join(takes_two)} takes two: a second custodian's passphrase below"
        lines += _fact("not for", what, width, Tone.WARN)
    said = f"Sealed after 15 minutes without use, at {opening.until:%H:%M}Z at the latest, and when you leave."
    return [*lines, BLANK, *wrapped(said, width, tone=Tone.MUTED)]


def no_vault_lines(configured_in: str, width: int) -> list[Line]:
    """What is said where there is nothing to open: how to have something the next time, and what is left now."""
    lines = [
        plain("No vault is configured: there are no emergency credentials to open", Tone.WARN),
        BLANK,
        heading("To be ready the next time login is down", width),
        *wrapped(f"1. Say where they are kept, in {clean(configured_in, most=200) or 'the configuration'}:", width),
    ]
    lines += [plain(f"     {line}", Tone.STRONG) for line in _VAULT]
    for said, command in _STEPS:
        lines += [*wrapped(said, width), plain(f"     killswitch-console {command}", Tone.STRONG)]
    lines += wrapped("How, why and with whose passphrase: docs/break-glass.md", width, tone=Tone.MUTED)
    now = "Is login down now? Halt what can still be reached; the runbook (key 6) says whom to call for the rest."
    return [*lines, BLANK, *wrapped(now, width)]


_VAULT = ("[[vault]]", 'name = "file"', 'kind = "sealed-file"', 'path = "/etc/killswitch-console/glass.ksv"')
_STEPS = (
    ("2. Seal a credential for each platform in it:", "breakglass enrol NAME --kind KIND --for PLATFORM"),
    ("3. Try them; this changes nothing:", "breakglass test"),
)


def _fact(name: str, value: str, width: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    lines = wrapped(clean(value, most=600), width - _NAMES, tone=tone)
    return [((fit(name if n == 0 else "", _NAMES), Tone.MUTED), *line) for n, line in enumerate(lines)]


_NAMES = 13


def vault_lines(probes: Sequence[tuple[str, str, Probe]], width: int) -> list[Line]:
    """How each vault is: its name, where it is, what a look at it found and what to do."""
    lines = [heading("Vaults, in the order in which they are tried", width)]
    for name, custodian, probe in probes:
        symbol, tone = STATE[probe.state]
        whose = f" of {custodian}" if custodian else ""
        why = f": {probe.detail}" if probe.detail else ""
        todo = f" ({probe.todo})" if probe.todo else ""
        text = clean(f"{symbol} {name}{whose}: {probe.state}{why}{todo}", most=400)
        lines += wrapped(text, width, tone=tone)
    return lines


def credential_lines(entries: Sequence[Entry], now: datetime, width: int) -> list[Line]:
    """How each enrolled credential is: what it opens, its age, what is due."""
    lines = [heading("Credentials", width)]
    if not entries:
        return [*lines, *wrapped("none is enrolled: killswitch-console breakglass enrol", width, tone=Tone.WARN)]
    for entry in entries:
        light, why = entry.health(now)
        symbol, tone = LIGHT[light]
        tested = f", tested {words.age(entry.tested_at, now)} ago" if entry.tested_at else ""
        age = words.age(entry.enrolled_at, now)
        text = f"{symbol} {entry.name} ({entry.kind}) opens {', '.join(entry.backends)}; {age} old{tested}"
        lines += wrapped(clean(f"{text}{'; ' + why if why else ''}", most=400), width, tone=tone)
    return lines
