"""What the documents name is there: commands and options, targets of make, files, links, keys of the configuration."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import reference
from documented import PAGES, ROOT, Said, inline, shell_lines, words
from killswitch_console.cli.main import _names, parse

_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_MENTION = re.compile(r"(?:required|expected (?:one|at least one) argument)")
"""What a command that is only mentioned may lack: `drill run --canary` names no file."""


def mentioned() -> list[Said]:
    """Every command that running text names without the program: `audit verify --key`."""
    names = {name for name in _names() if name != "hold"}  # `hold ID` is the facilitator's
    return sorted({one for page in PAGES for one in inline(page) if one.text.partition(" ")[0] in names})


def test_every_mentioned_command_and_option_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = []
    for one in mentioned():
        try:
            parse(words(re.sub(r"[\[\]]", "", one.text).replace(" | ", " ").split("|")[0]))
        except SystemExit:
            if not _MENTION.search(said := capsys.readouterr().err):
                wrong.append((one, said))
    assert wrong == []
    assert len(mentioned()) > 50


def test_every_target_of_make_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said = [(page.name, one.text) for page in PAGES for one in (*shell_lines(page), *inline(page))]
    named = {(page, text.split()[1]) for page, text in said if re.match(r"make [a-z-]+\b", text)}
    assert sorted((page, target) for page, target in named if target not in targets) == []
    assert len(named) > 10


def test_every_file_that_is_named_is_there() -> None:
    """Files of the repository by their whole path; NAME and the like stand for any."""
    folder = r"(?<![\w/.-])(?:tests|docs|console|backends|inventory|requirements|snapshots)"
    path = folder + r"/[\w./-]*\w\.(?:py|toml|md|txt|service)\b"
    said = {(page.name, name) for page in PAGES for name in re.findall(path, page.read_text(encoding="utf-8"))}
    named = {one for one in said if not re.search(r"[A-Z]{2}", one[1].replace("README", ""))}
    missing = [one for one in sorted(named) if not (ROOT / one[1]).exists()]
    assert missing == []
    assert len(named) > 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in targets if not (page.parent / link).exists()] == []


def test_the_configuration_reference_is_what_the_models_say() -> None:
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), "run `make documents`"
