"""What one event says, in one line of words: for lists, tables and the screen. Pure.

A kind that is not named here is told by its reason, or else by its particulars one after another; never as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from killswitch_console.audit.events import Body

Data = Mapping[str, Any]

_LONGEST: Final = 160
"""Characters of particulars that no function here knows by name."""


def summary(body: Body) -> str:
    """One line about an event, whatever its particulars: those of a changed trail may have any shape."""
    data = body["data"]
    known = _KINDS.get(body["kind"])
    try:
        return known(data) if known else (_reasons(data) or _particulars(data))
    except (ValueError, TypeError, AttributeError, ArithmeticError, KeyError):
        return _particulars(data)


def _reasons(data: Data) -> str:
    """What a person, a platform or the console gave as the reason."""
    told = [data.get(name) for name in ("reason", "why", "error", "what", "note", "text")]
    return "; ".join(_said(one) for one in told if one)


def _particulars(data: Data) -> str:
    """Everything there is, by its names, but for what a row shows by itself."""
    told = {name: value for name, value in data.items() if name not in ("target", "scope", "drill")}
    text = _said(told)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _said(value: object) -> str:
    """Any value in words: ``replicas 3, paused no``."""
    if isinstance(value, Mapping):
        told = {str(name): one for name, one in value.items() if one is not None and one != "" and one != []}
        return ", ".join(f"{name.replace('_', ' ')} {_inner(one)}" for name, one in told.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_inner, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _inner(value: object) -> str:
    return f"({_said(value)})" if isinstance(value, Mapping) else _said(value)


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _counted(data: Data, **nouns: str) -> str:
    return ", ".join(f"{len(data.get(name) or ())} {noun}" for name, noun in nouns.items())


def _intent(data: Data) -> str:
    names = [str(t.get("target")) for t in data.get("targets", [])]
    return f"{len(names)} targets: " + ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _call(data: Data) -> str:
    head = f"attempt {data.get('attempt')}, request id {data.get('request_id') or '-'}"
    return _join(head, _said(data.get("detail") or ""))


def _state(data: Data) -> str:
    evidence = data.get("evidence") or {}
    proof = f"{evidence.get('grade')}: {evidence.get('detail')}" if evidence else _said(data.get("note") or "")
    return _join(f"{data.get('from')} -> {data.get('state')}", proof)


def _ended(data: Data) -> str:
    return f"{data.get('verdict')} after {data.get('elapsed_ms', 0) / 1000:.1f} s"


def _identity(data: Data) -> str:
    known = [f"{one.get('backend')} knows us as {_named(one)}" for one in data.get("platforms") or ()]
    return "; ".join(known) or "no platform said who we are"


def _named(platform: Data) -> str:
    account = platform.get("account")
    return f"{platform.get('name')}" + (f" in {account}" if account else "")


def _approved(data: Data) -> str:
    who = data.get("approver") or {}
    return _join(f"{who.get('os_user')} on {who.get('host')} agrees", _reasons(data))


def _unsealed(data: Data) -> str:
    opened = f"vault {data.get('vault')} opened {_said(data.get('credentials') or [])}"
    return _join(f"{opened} for {_said(data.get('backends') or [])}", f"until {data.get('until')}")


def _enrolled(data: Data) -> str:
    into = f"in {_said(data.get('vaults') or [])}"
    return f"{data.get('name')} ({data.get('kind')}) for {_said(data.get('backends') or [])}, {into}"


def _not_sent(data: Data) -> str:
    title = data.get("title") or f"a notice of {data.get('notice')}"
    return f"{title}; not reached: {_said(data.get('missed') or [])}"


def _exported(data: Data) -> str:
    chosen = data.get("selection")
    which = f" ({_said(chosen)})" if chosen else ""
    return f"{data.get('what')}{which} as {data.get('format')} to {data.get('output') or 'standard output'}"


def _recorded(data: Data) -> str:
    if data.get("failure"):
        return f"{data.get('file')}: {data.get('failure')}"
    return f"{data.get('file')}, {data.get('bytes')} bytes"


def _unwritten(data: Data) -> str:
    left = data.get("unwritten") or 0
    return f"{left} events could not be written so far" if left else "every event is written"


def _drill(data: Data) -> str:
    played = f"scenario {data.get('scenario')}" if data.get("scenario") else "a drill"
    if (passed := data.get("passed")) is None:
        return _join(played, _reasons(data))
    return _join(played, "passed" if passed else "not passed", f"score {data.get('share')}", _reasons(data))


_KINDS: Final[Mapping[str, Callable[[Data], str]]] = {
    "halt.intent": _intent,
    "halt.ended": _ended,
    "halt.escalated": lambda d: f"{_counted(d, targets='targets')} told to end at once, {d.get('failed')} failed",
    "restore.ended": _ended,
    "restore.approved": _approved,
    "hold.begun": lambda d: _join(f"{_said(d.get('targets'))} targets", _reasons(d)),
    "hold.newcomers": lambda d: _counted(d, agents="new agents", targets="targets halted too", left="left alone"),
    "plan.shown": lambda d: _counted(d, **{n: n for n in ("targets", "untouched", "collateral", "risks")}),
    "target.call": _call,
    "target.state": _state,
    "target.revived": _state,
    "trail.created": lambda d: f"volume {d.get('log')}" + (" continues the one before" if d.get("continues") else ""),
    "trail.retired": lambda d: f"{d.get('volume')}, {d.get('events')} events, kept at {d.get('kept_at')}",
    "session.started": lambda d: f"{d.get('command')} {d.get('version')} in {d.get('environment')}",
    "session.identity": _identity,
    "session.recorded": _recorded,
    "session.ended": _unwritten,
    "check.ran": lambda d: f"readiness was checked in {d.get('environment')}",
    "glass.unsealed": _unsealed,
    "glass.countersigned": lambda d: f"custodians {' and '.join(map(str, d.get('custodians') or []))}",
    "glass.enrolled": _enrolled,
    "glass.removed": lambda d: f"{d.get('name')} out of {_said(d.get('vaults') or [])}",
    "notify.sent": lambda d: str(d.get("title")),
    "notify.failed": _not_sent,
    "audit.exported": _exported,
    "drill.started": _drill,
    "drill.ended": _drill,
}
