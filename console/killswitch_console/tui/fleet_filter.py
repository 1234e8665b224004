"""The filter of the fleet's tree, as it is typed: ``refund tenant:acme state:failing !class:canary``. No Textual here.

Every term must hold. A bare word is looked for in name, class, tenant and health; ``class:``, ``tenant:`` and
``backend:`` look there only; ``state:`` takes the beginning of a health or of halted, halting, uncovered, covered,
running; ``!`` turns a term round. Letters count the same large or small. A term that is still being typed (``state:``)
holds for everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from killswitch_console.tui.fleet_columns import HALTED, HALTING, HEALTHS, UNCOVERED, FleetColumns

FIELDS = ("class", "tenant", "backend", "state")

Test = Callable[[FleetColumns, int], bool]
"""Whether the agent of a slot passes."""

_FLAG_STATES = {"halted": HALTED, "halting": HALTING, "uncovered": UNCOVERED}
STATES = (*(str(health) for health in HEALTHS), *_FLAG_STATES, "covered", "running")
"""What may be said after ``state:``."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: the text it was made of, and its terms."""

    text: str = ""
    tests: tuple[Test, ...] = ()
    problem: str = ""
    """What of it cannot be understood; that term holds for nothing."""

    def __bool__(self) -> bool:
        return bool(self.tests)

    def passes(self, columns: FleetColumns, slot: int) -> bool:
        """Whether every term holds for the agent of a slot."""
        return all(test(columns, slot) for test in self.tests)

    def passing(self, columns: FleetColumns, slots: list[int]) -> list[int]:
        """Those of some slots whose agents pass."""
        for test in self.tests:
            slots = [slot for slot in slots if test(columns, slot)]
        return slots


def parse(text: str) -> Filter:
    """Read a filter as it was typed. Never fails: what cannot be understood is said in ``problem``."""
    tests: list[Test] = []
    problem = ""
    for word in text.split():
        turned = word.startswith("!")
        field, colon, value = word.removeprefix("!").lower().partition(":")
        if not colon:
            field, value = "", field
        if not value:
            continue
        if field == "state" and not any(state.startswith(value) for state in STATES):
            problem = f"state:{value} is none of {', '.join(STATES)}"
        elif field not in ("", *FIELDS):
            field, value = "", f"{field}:{value}"  # a name may have a colon
        test = _TESTS[field](value)
        tests.append(_turned(test) if turned else test)
    return Filter(text, tuple(tests), problem)


def _turned(test: Test) -> Test:
    return lambda columns, slot: not test(columns, slot)


def _healths(value: str) -> frozenset[int]:
    """The codes of the healths that begin so."""
    return frozenset(code for code, health in enumerate(HEALTHS) if health.startswith(value))


def _anywhere(value: str) -> Test:
    healths = _healths(value)

    def test(columns: FleetColumns, slot: int) -> bool:
        key = columns.key(slot)
        named = value in key.name.lower() or value in key.agent_class.lower() or value in key.tenant.lower()
        return named or columns.health[slot] in healths

    return test


def _class(value: str) -> Test:
    return lambda columns, slot: value in columns.key(slot).agent_class.lower()


def _tenant(value: str) -> Test:
    return lambda columns, slot: value in columns.key(slot).tenant.lower()


def _backend(value: str) -> Test:
    return lambda columns, slot: value in str(columns.places[columns.place[slot]] or "").lower()


def _state(value: str) -> Test:
    healths = _healths(value)
    flags = sum(bit for name, bit in _FLAG_STATES.items() if name.startswith(value))
    covered, running = "covered".startswith(value), "running".startswith(value)

    def test(columns: FleetColumns, slot: int) -> bool:
        has = columns.flags[slot] if columns.coverage_known else columns.flags[slot] & ~UNCOVERED
        return (
            columns.health[slot] in healths
            or bool(has & flags)
            or (covered and not has & UNCOVERED)
            or (running and columns.running[slot] > 0)
        )

    return test


_TESTS: dict[str, Callable[[str], Test]] = {
    "": _anywhere,
    "class": _class,
    "tenant": _tenant,
    "backend": _backend,
    "state": _state,
}
