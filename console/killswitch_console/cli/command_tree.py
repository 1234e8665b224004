"""The commands as their parser has them, for completion and manual: nothing about a command is written twice.

Standard library only: the manual is made when the wheel is built, where nothing else is installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from killswitch_console.cli.main import default_parser, parser_of


@dataclass(frozen=True, slots=True)
class Option:
    """An option: ``--scope``, or a place in the line: ``SCOPE``."""

    names: tuple[str, ...]
    """``--config``; none for what has its place in the line."""
    value: str
    """What stands for its value, ``FILE``; empty for a flag."""
    choices: tuple[str, ...]
    says: str
    required: bool

    @property
    def takes_file(self) -> bool:
        """Whether its value is a file's name."""
        return self.value in ("FILE", "DIRECTORY", "DIR", "PATH")


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or a command of a command."""

    path: tuple[str, ...]
    says: str
    options: tuple[Option, ...]
    places: tuple[Option, ...]
    commands: tuple[Command, ...] = ()

    def walk(self) -> Iterator[Command]:
        """Itself, then all below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def command_tree() -> Command:
    """Every command; at the top the options of what runs when none is named."""
    whole = _command(parser_of(), (), "")
    default = _command(default_parser(), (), "")
    known = {name for option in default.options for name in option.names}
    more = tuple(option for option in whole.options if not known & set(option.names))
    return Command((), whole.says, (*default.options, *more), (), whole.commands)


def _command(parser: argparse.ArgumentParser, path: tuple[str, ...], says: str) -> Command:
    options: list[Option] = []
    places: list[Option] = []
    below: list[Command] = []
    for action in parser._actions:  # noqa: SLF001  (argparse tells of its arguments nowhere else)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            summaries = {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001
            below += [_command(one, (*path, name), summaries.get(name, "")) for name, one in action.choices.items()]
        elif action.help is not argparse.SUPPRESS:
            (options if action.option_strings else places).append(_option(action))
    return Command(path, says or parser.description or "", tuple(options), tuple(places), tuple(below))


def _option(action: argparse.Action) -> Option:
    takes = action.nargs != 0
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    choices = tuple(str(choice) for choice in action.choices or ())
    return Option(
        names=tuple(action.option_strings),
        value=metavar if takes else "",
        choices=choices,
        says=(action.help or "").replace("%%", "%"),
        required=action.required,
    )
