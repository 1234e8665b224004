"""What the documents say can be done: every command is understood, every link leads somewhere, the tour works."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import reference
from console_command import console
from killswitch_console.cli.main import parse
from simulated import running

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted((ROOT / "docs").glob("*.md"))

_BLOCK = re.compile(r"```(?:sh|console)?\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"`(killswitch-console [^`]+)`")
_COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*(?:sudo (?:-u \S+ )?)?(?:/\S*/)?killswitch-console\b(.*)")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_ENDS = {"|", ">", ">>", "&&", ";", "&", "2>"}


def commands(page: Path) -> Iterator[str]:
    """The arguments of every killswitch-console command on a page, as written."""
    text = page.read_text(encoding="utf-8")
    lines = [line.strip() for block in _BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *_INLINE.findall(text)]:
        if found := _COMMAND.fullmatch(line.removeprefix("$ ")):
            yield found[1]


def one_of(synopsis: str) -> list[str]:
    """A command that a synopsis allows: everything optional is given, of alternatives the first."""
    chosen = re.sub(r"\[([^]|]*)\|--[^]]*\]", r"\1", re.sub(r"\s#.*", "", synopsis))
    opened = chosen.replace("[", " ").replace("]", " ").replace("...", "")
    words = []
    for word in shlex.split(opened):
        if word in _ENDS:
            break
        words.append(word.split("|")[0])
    return [word for word in words if word not in ("--debug", "--plain")]


SAID = sorted({(page.name, command) for page in PAGES for command in commands(page)})


@pytest.mark.parametrize(("page", "command"), SAID)
def test_every_command_is_understood(page: str, command: str) -> None:
    words = one_of(command)
    if words not in (["--version"], ["--help"]):
        parse(words)


def test_there_are_commands_to_understand() -> None:
    assert len(SAID) > 50


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in targets if not (page.parent / link).exists()] == []


def test_the_configuration_reference_is_what_the_models_say() -> None:
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), "run `make documents`"


async def test_the_tour_of_the_readme() -> None:
    tour = [one_of(command) for command in commands(ROOT / "README.md")]
    begin = tour.index(["agents", "class:refund"])
    steps = tour[begin : tour.index(["restore", "HALT", "--reason", "fixed", "--confirm", "refund"]) + 1]
    async with running(agents=30, seed=1) as sim:
        halt = ""
        for words in steps:
            done = await console(sim.config_path, *[halt if word == "HALT" else word for word in words])
            assert done.returncode == 0, f"{words}: {done.stderr}"
            halt = next(iter(re.findall(r"\bh-\d{8}-\d{6}-\w{4}\b", done.stdout)), halt)
