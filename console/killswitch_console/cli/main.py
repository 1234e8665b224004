"""The command line's door: finds the command's module, runs it, and turns errors into one line and an exit code.

A command is one module in ``commands/``; it is found by its file name and imported only when it is used, so that
``--version`` costs nothing and a new command needs no edit here.
"""

from __future__ import annotations

import argparse
import os
import pkgutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import NoReturn

from killswitch_console.version import __version__

DONE, INTERNAL, USAGE, REFUSED, UNPROVEN = 0, 1, 2, 3, 4
"""Exit codes of design.md section 5."""

EXIT_SECONDS = 2.0
"""How long threads may go on once a command is done."""

_PACKAGE = "killswitch_console.cli.commands"
_DEFAULT = "app"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the process's exit code."""
    code = _run(list(sys.argv[1:] if arguments is None else arguments))
    if arguments is None:
        _leave_soon(code)
    return code


def _leave_soon(code: int) -> None:
    """End the process although a thread of an SDK or of a hanging disk never does: all work is done and printed."""
    import threading

    def leave() -> None:
        os._exit(code)

    with suppress(OSError):
        sys.stdout.flush()
    timer = threading.Timer(EXIT_SECONDS, leave)
    timer.daemon = True
    timer.start()


def _run(given: list[str]) -> int:
    if given in (["--version"], ["-V"]):
        print(f"killswitch-console {__version__}")
        return DONE
    debug, plain = "--debug" in given, "--plain" in given or bool(os.environ.get("KILLSWITCH_PLAIN"))
    _adapt(plain=plain)
    options = parse([argument for argument in given if argument not in ("--debug", "--plain")])
    options.plain = plain
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return _say("interrupted; `status` shows how far a halt got, `resume` finishes it", UNPROVEN)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERNAL
    except Exception as error:
        if debug:
            raise
        return _explain(error)


def _adapt(*, plain: bool) -> None:
    """Speak as the terminal and the person can take it."""
    from killswitch_console import ascii_only

    ascii_only.adapt(os.environ)
    if plain:
        from killswitch_console.cli.output import speak_linearly

        speak_linearly()


def _explain(error: Exception) -> int:
    try:
        from killswitch_console.cli.failures import explain
    except ImportError:  # an installation that is not whole: the first error says so
        return _say(f"internal error: {error!r} (--debug shows where)", INTERNAL)
    text, code = explain(error)
    return _say(text, code)


def _say(text: str, code: int) -> int:
    with suppress(OSError):  # a terminal that is gone
        print(f"killswitch-console: {text}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; argparse would print the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        from killswitch_console.hostile import clean

        self.exit(USAGE, f"{self.prog}: {clean(message, most=1000)} (--help shows how)\n")


def parse(given: list[str]) -> argparse.Namespace:
    """The command and its options. Exits with 2 after one line where they make no sense."""
    names = _names()
    first = given[0] if given else ""
    if first not in names and first not in ("-h", "--help") and (not first or first.startswith("-")):
        return default_parser().parse_args(given)
    return parser_of([first] if first in names else names).parse_args(given)


def default_parser() -> argparse.ArgumentParser:
    """The parser of what runs when no command is named."""
    parser = _bare()
    _configure(_load(_DEFAULT), parser)
    return parser


def parser_of(names: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The parser that knows these commands; all of them by default."""
    parser = _bare()
    parser.add_argument("--version", "-V", action="version", version=f"killswitch-console {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in _names() if names is None else names:
        module = _load(name)
        _configure(module, commands.add_parser(name, help=module.SUMMARY, description=module.SUMMARY))
    return parser


def _bare() -> argparse.ArgumentParser:
    return _Parser(
        prog="killswitch-console",
        description="Halt AI agents, see proof that they stopped, put everything back. Without a command: the console.",
    )


def _configure(module: ModuleType, parser: argparse.ArgumentParser) -> None:
    module.configure(parser)
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.add_argument(
        "--plain", action="store_true", help="one 'name: value' a line, for screen readers (or KILLSWITCH_PLAIN=1)"
    )
    parser.set_defaults(run=module.run)


def _names() -> list[str]:
    package = import_module(_PACKAGE)
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_"))


def _load(name: str) -> ModuleType:
    return import_module(f"{_PACKAGE}.{name}")


if __name__ == "__main__":
    sys.exit(main())
