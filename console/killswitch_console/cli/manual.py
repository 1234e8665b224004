"""The manual page, made from the parser when the wheel is built and by ``man``: it cannot tell of what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from killswitch_console.cli.command_tree import Command, Option, command_tree
from killswitch_console.version import __version__

PROGRAM: Final = "killswitch-console"

_EXITS: Final = (
    (0, "done and proven"),
    (1, "internal error; --debug shows where"),
    (2, "bad usage or configuration"),
    (3, "refused: authority, confirmation, protection, collateral not accepted"),
    (4, "incomplete or limited: something is not proven; for audit verify: it cannot be verified"),
    (5, "tampered: the audit trail is not what was written"),
)

_FILES: Final = (
    ("$KILLSWITCH_CONFIG", "the configuration, where --config names none"),
    ("~/.config/killswitch-console/config.toml", "this person's configuration; `init` writes an example"),
    ("/etc/killswitch-console/config.toml", "the machine's configuration"),
)

_ENVIRONMENT: Final = (
    ("KILLSWITCH_PLAIN", "if set, --plain everywhere"),
    ("NO_COLOR", "if set, no colours"),
    ("LANG, LC_ALL, LC_CTYPE", "with no UTF-8 in them, ASCII symbols"),
    ("TERM", "`dumb` gets the fleet in lines instead of the console"),
)


def manual() -> str:
    """The page in roff, section 1."""
    return "\n".join([*_page(command_tree()), ""])


def _page(tree: Command) -> Iterator[str]:
    yield f'.TH KILLSWITCH-CONSOLE 1 "" "killswitch-console {__version__}" "User Commands"'
    yield ".SH NAME"
    yield _plain(f"{PROGRAM} - {tree.says[0].lower()}{tree.says[1:].partition('.')[0]}")
    yield ".SH SYNOPSIS"
    yield from (f".B {PROGRAM}", "[COMMAND] [OPTIONS]")
    yield ".SH DESCRIPTION"
    yield _plain(tree.says)
    yield "It never says that an agent is stopped without evidence; an API's success is only an acknowledgement."
    yield ".SH OPTIONS"
    yield from _options(tree)
    yield ".SH COMMANDS"
    for command in tree.walk():
        if command.path:
            yield from _command(command)
    yield ".SH EXIT STATUS"
    for code, says in _EXITS:
        yield from (".TP", f".B {code}", _plain(says))
    for title, entries in (("FILES", _FILES), ("ENVIRONMENT", _ENVIRONMENT)):
        yield f".SH {title}"
        for name, says in entries:
            yield from (".TP", f".B {_plain(name)}", _plain(says))
    yield ".SH SEE ALSO"
    yield "The documentation in docs/ of the source: console.md, configuration.md, evidence.md, audit.md, drills.md."


def _command(command: Command) -> Iterator[str]:
    yield f'.SS "{_plain(" ".join([*command.path, *(place.value for place in command.places)]))}"'
    yield _plain(command.says)
    yield from _options(command)


def _options(command: Command) -> Iterator[str]:
    for option in (*command.places, *command.options):
        if option.says:
            yield from (".TP", f".B {_plain(_usage(option))}", _plain(_about(option)))


def _usage(option: Option) -> str:
    value = "{" + ",".join(option.choices) + "}" if option.choices else option.value
    return " ".join(filter(None, (", ".join(option.names), value)))


def _about(option: Option) -> str:
    return f"{option.says} (required)" if option.required and option.names else option.says


def _plain(text: str) -> str:
    """Text that roff takes as text."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped
