"""Whether turning a flag off stops anything: what is read of its off value, and what makes off the same as on."""

from __future__ import annotations

from killswitch_backends.launchdarkly.flags import FlagState
from killswitch_backends.protocol import Json

_STOP_WORDS = frozenset(
    {"", "off", "stop", "stopped", "halt", "halted", "disabled", "deny", "denied", "none", "false", "no"}
)


def stops(value: Json) -> bool:
    """Whether a value plainly means "do not act". What it means to an agent, only the agent's code knows."""
    if isinstance(value, str):
        return value.strip().lower() in _STOP_WORDS
    return value is None or value is False or (not isinstance(value, bool) and value == 0)


def unsound(state: FlagState) -> str | None:
    """Why turning this flag off is no sound halt, and what to do instead."""
    if state.archived:
        return "archived: it is served to nobody, agents use the default in their code; stop them at another layer"
    if state.off_variation is None:
        return "it has no off variation: agents would use the default in their code; set one, then halt"
    if state.targeting["fallthrough"].get("variation") == state.off_variation and not state.targeting["rules"]:
        return "off serves the same as on: turning it off changes nothing; correct its off variation, then halt"
    return None
