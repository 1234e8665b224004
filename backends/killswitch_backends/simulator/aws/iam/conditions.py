"""Condition blocks of policy statements: parsed once, evaluated against a request's context.

An operator that is not known here is a malformed policy, never one that is quietly ignored: a deny under a condition
that does not hold must not deny (platforms.md F: moto gets this wrong).
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from killswitch_backends.simulator.aws.iam.wildcards import matches

Context = Mapping[str, tuple[str, ...]]
"""The request's condition keys in lower case, with their values."""

_Test = Callable[[str, str], bool]
"""Whether the request's value (first) satisfies the policy's value (second)."""


class UnknownOperator(ValueError):
    """A condition operator that does not exist."""


def _moment(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _dates(compare: Callable[[datetime, datetime], bool]) -> _Test:
    return lambda found, wanted: compare(_moment(found), _moment(wanted))


def _numbers(compare: Callable[[float, float], bool]) -> _Test:
    return lambda found, wanted: compare(float(found), float(wanted))


def _address(found: str, wanted: str) -> bool:
    return ipaddress.ip_address(found) in ipaddress.ip_network(wanted, strict=False)


_POSITIVE: dict[str, _Test] = {
    "stringequals": lambda found, wanted: found == wanted,
    "stringequalsignorecase": lambda found, wanted: found.casefold() == wanted.casefold(),
    "stringlike": lambda found, wanted: matches(wanted, found),
    "arnequals": lambda found, wanted: matches(wanted, found),
    "arnlike": lambda found, wanted: matches(wanted, found),
    "bool": lambda found, wanted: found.casefold() == wanted.casefold(),
    "ipaddress": _address,
    "dateequals": _dates(lambda a, b: a == b),
    "datelessthan": _dates(lambda a, b: a < b),
    "datelessthanequals": _dates(lambda a, b: a <= b),
    "dategreaterthan": _dates(lambda a, b: a > b),
    "dategreaterthanequals": _dates(lambda a, b: a >= b),
    "numericequals": _numbers(lambda a, b: a == b),
    "numericlessthan": _numbers(lambda a, b: a < b),
    "numericlessthanequals": _numbers(lambda a, b: a <= b),
    "numericgreaterthan": _numbers(lambda a, b: a > b),
    "numericgreaterthanequals": _numbers(lambda a, b: a >= b),
}

_NEGATIVE = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "notipaddress": "ipaddress",
    "datenotequals": "dateequals",
    "numericnotequals": "numericequals",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one key: true when any of ``values`` fits (none of them, when negated)."""

    key: str
    values: tuple[str, ...]
    operator: str
    negated: bool = False
    if_exists: bool = False
    quantifier: str = ""

    def holds(self, context: Context) -> bool:
        found = context.get(self.key)
        if self.operator == "null":
            return (found is None) == (self.values[0].casefold() == "true")
        if found is None:
            return self.negated or self.if_exists or self.quantifier == "forallvalues"
        fits = [self._fits(value) for value in found]
        return any(fits) if self.quantifier == "foranyvalue" else all(fits)

    def _fits(self, found: str) -> bool:
        test = _POSITIVE[self.operator]
        try:
            hit = any(test(found, wanted) for wanted in self.values)
        except ValueError:  # a value that is no date, number or address never fits
            return False
        return hit is not self.negated


def parse(block: Mapping[str, Mapping[str, object]]) -> tuple[Condition, ...]:
    """Read a ``Condition`` element.

    Raises:
        UnknownOperator: for an operator that IAM does not have.
        AttributeError, TypeError: when it is not a mapping of mappings.
    """
    return tuple(_condition(operator, key, value) for operator, pairs in block.items() for key, value in pairs.items())


def _condition(spelling: str, key: str, value: object) -> Condition:
    quantifier, _, name = spelling.casefold().rpartition(":")
    if_exists = name.endswith("ifexists")
    name = name.removesuffix("ifexists")
    operator = _NEGATIVE.get(name, name)
    if (operator not in _POSITIVE and operator != "null") or quantifier not in ("", "forallvalues", "foranyvalue"):
        raise UnknownOperator(f"Invalid Condition type : {spelling}.")
    values = tuple(_text(item) for item in (value if isinstance(value, list) else [value]))
    if not values:
        raise UnknownOperator(f"Condition {spelling} on {key} has no value.")
    return Condition(key.casefold(), values, operator, operator != name, if_exists, quantifier)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
