"""Reads a scenario file and says of everything wrong in it: which file, which line, what was expected."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from killswitch_console.drills.checking import Objection, objections
from killswitch_console.drills.scenario import Scenario
from killswitch_console.hostile import clean

LARGEST: Final = 256 * 1024
"""Bytes of the largest file that is read: a story, not a data set."""

_Path = tuple[str | int, ...]

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\s-]+?)\s*\]\]?\s*(#.*)?$")
_KEY: Final = re.compile(r"\s*([A-Za-z0-9_-]+(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=")
_AT_LINE: Final = re.compile(r" \(at line (\d+), column \d+\)$")
_LONGEST_VALUE: Final = 400
"""Lines of one value that are followed; a longer one only costs exact line numbers."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file."""

    path: Path
    line: int
    """1 for what is about the whole file."""
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {clean(self.text, most=600)}"


class ScenarioError(Exception):
    """A scenario cannot be played; ``faults`` says all that is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


def read_scenario(path: Path) -> Scenario:
    """Read and check a scenario file.

    Raises:
        ScenarioError: with a line for everything that is wrong.
    """
    text = _text(path)
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not TOML, a number of a million digits, brackets on end
        raise ScenarioError([_broken(path, str(error), text)]) from None
    lines = lines_of(text)
    try:
        scenario = Scenario.model_validate(tables)
    except ValidationError as error:
        found = [_fault(path, lines, _objection(wrong)) for wrong in _own(error)]
        raise ScenarioError(sorted(found, key=lambda fault: fault.line)) from None
    wrong = [_fault(path, lines, objection) for objection in objections(scenario)]
    if wrong:
        raise ScenarioError(sorted(wrong, key=lambda fault: fault.line))
    return scenario


def _text(path: Path) -> str:
    content = b""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
            if len(content) > LARGEST:
                raise ScenarioError(
                    [Fault(path, 1, f"is larger than {LARGEST // 1024} KiB; a scenario is a story, not a data set")]
                )
        return content.decode("utf-8")
    except OSError as error:
        raise ScenarioError([Fault(path, 1, f"cannot be read: {error.strerror or error}")]) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ScenarioError([Fault(path, line, "is not UTF-8 text")]) from None


def _broken(path: Path, said: str, text: str) -> Fault:
    found = _AT_LINE.search(said)
    line = int(found[1]) if found else text.count("\n") + 1
    return Fault(path, line, f"is not TOML: {_AT_LINE.sub('', said)}")


def _own(error: ValidationError) -> list[Any]:
    """The errors of a document, without those that only follow from others: a list whose entries are wrong is short."""
    every = error.errors(include_url=False)
    wrong_lists = {entry["loc"][0] for entry in every if len(entry["loc"]) > 1}
    return [e for e in every if not (e["type"] == "too_short" and e["loc"][0] in wrong_lists)]


def _objection(wrong: Any) -> Objection:
    said = str(wrong["msg"]).removeprefix("Value error, ")
    where = tuple(wrong["loc"])
    if wrong["type"] == "extra_forbidden":
        said = f"unknown key {where[-1]!r}"
    elif wrong["type"] == "missing":
        said = f"{where[-1]!r} is missing"
    elif where:
        said = f"{where[-1]}: {said}"
    return Objection(where, said)


def _fault(path: Path, lines: Mapping[_Path, int], objection: Objection) -> Fault:
    return Fault(path, line_of(lines, objection.where), objection.text)


def line_of(lines: Mapping[_Path, int], where: _Path) -> int:
    """The line of a place in the document, or of the nearest that stands around it."""
    best: _Path = ()
    for part in where:
        if (*best, part) in lines:
            best = (*best, part)
    return lines.get(best, 1)


def lines_of(text: str) -> dict[_Path, int]:
    """Where each table and key of a TOML document begins: ``("inject", 2, "after")`` -> 41."""
    places: dict[_Path, int] = {}
    counts: dict[_Path, int] = {}
    table: _Path = ()
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if header := _HEADER.match(line):
            table = _entered(header[2], counts, array=header[1] == "[[")
            for depth in range(len(table)):
                places.setdefault(table[: depth + 1], number)
        elif key := _KEY.match(line):
            places.setdefault((*table, *(part.strip() for part in key[1].split("."))), number)
            number = _end_of_value(lines, number)
    return places


def _entered(name: str, counts: dict[_Path, int], *, array: bool) -> _Path:
    """The path of a table whose header was met; counts the entries of arrays of tables."""
    path: _Path = ()
    parts = [part.strip() for part in name.split(".")]
    for place, part in enumerate(parts):
        path = (*path, part)
        last = place == len(parts) - 1
        if last and array:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _end_of_value(lines: Sequence[str], number: int) -> int:
    """The index after a value that begins in the line before ``number``; values may go over several lines."""
    for end in range(number, min(number + _LONGEST_VALUE, len(lines) + 1)):
        try:
            tomllib.loads("\n".join(lines[number - 1 : end]))
        except (ValueError, RecursionError):
            continue
        return end
    return number
