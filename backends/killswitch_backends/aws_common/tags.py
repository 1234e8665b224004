"""A halt's mark as AWS tags: who, when, which halt, and what a restore from another bastion needs.

Tags take letters, digits, spaces and ``+ - = . _ : / @`` only, 256 characters a value, 50 a resource; so the prior
state is written as words, not JSON, in as many numbered tags as it takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from killswitch_backends.protocol import LabelKeys, Order
from killswitch_inventory.agents import How
from killswitch_inventory.sightings import Claim, HaltMark

PREFIX = "killswitch-console:"
HALT_ID, INVOKER, AT = PREFIX + "halt-id", PREFIX + "invoker", PREFIX + "at"
RESTORER, RESTORE_AT = PREFIX + "restorer", PREFIX + "restore-at"
LONGEST_VALUE = 256
_FORBIDDEN = re.compile(r"[^A-Za-z0-9 +\-=._:/@]")


def tag_value(text: str) -> str:
    """A text as a tag can carry it: other characters become ``_``, what is too long is cut."""
    return _FORBIDDEN.sub("_", text)[:LONGEST_VALUE]


def mark_tags(order: Order) -> dict[str, str]:
    """The tags that say which halt is in force here."""
    return {
        HALT_ID: tag_value(order.halt_id),
        INVOKER: tag_value(order.invoker),
        AT: order.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def announcement_tags(order: Order) -> dict[str, str]:
    """The tags that say beside a mark that its halt is about to be restored."""
    return {RESTORER: tag_value(order.invoker), RESTORE_AT: order.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def mark_in(tags: Mapping[str, str]) -> HaltMark | None:
    """The halt's mark among a resource's tags, if there is one."""
    halt_id = tags.get(HALT_ID)
    who, at, restorer, restore_at = (tags.get(key, "") for key in (INVOKER, AT, RESTORER, RESTORE_AT))
    return HaltMark(halt_id, who, at, restorer, restore_at) if halt_id else None


def marked_by(tags: Mapping[str, str], order_halt_id: str) -> bool:
    """Whether this very halt marked it (an id is compared as a tag can carry it)."""
    return tags.get(HALT_ID) == tag_value(order_halt_id)


def another_halts(tags: Mapping[str, str], order_halt_id: str, taken_over: str | None) -> str | None:
    """The id of a halt that marked it after this one: not this halt, nor the one it took over (whose mark was left)."""
    marked = tags.get(HALT_ID)
    known = {tag_value(halt_id) for halt_id in (order_halt_id, taken_over) if halt_id}
    return marked if marked and marked not in known else None


def ours(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that this console wrote."""
    return {key: value for key, value in tags.items() if key.startswith(PREFIX)}


def words_as_tags(name: str, words: Iterable[str]) -> dict[str, str]:
    """Words (each far below 256 characters) in numbered tags ``killswitch-console:NAME-1``, ..."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= LONGEST_VALUE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return {f"{PREFIX}{name}-{number}": line for number, line in enumerate(lines, start=1)}


def words_in_tags(name: str, tags: Mapping[str, str]) -> list[str]:
    """Read back what ``words_as_tags`` wrote."""
    words: list[str] = []
    number = 1
    while (line := tags.get(f"{PREFIX}{name}-{number}")) is not None:
        words += line.split()
        number += 1
    return words


def claims_in(tags: Mapping[str, str], labels: LabelKeys) -> tuple[Claim, ...]:
    """What a resource's tags say of whom it belongs to; nothing when it carries none of the keys."""
    agent, agent_class, tenant = (tags.get(key) or None for key in (labels.agent, labels.agent_class, labels.tenant))
    if agent is None and agent_class is None and tenant is None:
        return ()
    return (Claim(How.TAG, agent=agent, agent_class=agent_class, tenant=tenant),)


def is_canary(tags: Mapping[str, str], labels: LabelKeys) -> bool:
    """Whether tags say that a resource exists to be halted in drills."""
    return tags.get(labels.canary) == "true"


def stamp(at: datetime) -> str:
    """A time for people, to the second, UTC."""
    return at.astimezone(UTC).strftime("%H:%M:%SZ")
