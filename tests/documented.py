"""The console's commands as the documents write them: in blocks for shells, indented, and in running text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted((ROOT / "docs").glob("*.md"))

_FENCE = re.compile(r"^\s*```(\w*)\s*$")
_SHELL = {"", "sh", "console"}
_INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_BEFORE = r"(?:\$ |[\d*/ ]+ |<\(|dbus-run-session -- |sudo (?:-u \S+ )?|[A-Z_]+=\S+ )*(?:/\S*/)?"
_COMMAND = re.compile(rf"(?:.*?<\(|{_BEFORE})killswitch-console(?![^\s)])([^#]*)(?:#.*)?")
_ENDS = re.compile(r"\s(?:[|&]|>|&&)\s.*$|\s&$|\)\s*$")
"""What a shell does with a command: a pipe, the background, a substitution."""


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """Something between backticks, or a line for a shell."""

    page: str
    text: str


def shell_lines(page: Path) -> Iterator[Said]:
    """Every line of a page that a reader would type, and every unit's or crontab's line in a block."""
    language: str | None = None
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if fence := _FENCE.match(line):
            language = None if language is not None else fence[1]
        elif language in _SHELL or (language is None and line.startswith("    ")):
            yield Said(page.name, line.strip())


def inline(page: Path) -> Iterator[Said]:
    """Everything between backticks outside of blocks, on one line."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for found in _INLINE.findall(text):
        yield Said(page.name, " ".join(found.split()))


def commands() -> list[Said]:
    """Every killswitch-console command, without what only a person reads: its arguments as they are written."""
    said = [one for page in PAGES for one in (*shell_lines(page), *inline(page))]
    found = [(one.page, _COMMAND.fullmatch(one.text)) for one in said]
    told = {Said(page, " ".join(_ENDS.sub("", match[1]).split())) for page, match in found if match}
    return sorted(one for one in told if one.text != "...")


def words(text: str) -> list[str]:
    """The words of a documented command."""
    return shlex.split(text)
