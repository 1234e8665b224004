"""Completion scripts for bash, zsh and fish, made from the parser: a new command is completed without an edit here."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Final

from killswitch_console.cli.command_tree import Command, Option, command_tree

PROGRAM: Final = "killswitch-console"

SCOPES: Final = ("agent:", "instance:", "tenant:", "class:", "global")
"""What a SCOPE begins with; which agents there are is not asked of any platform while somebody types."""


def script(shell: str) -> str:
    """The script of a shell: ``bash``, ``zsh`` or ``fish``."""
    return SHELLS[shell](command_tree())


def _words(command: Command) -> Iterator[tuple[str, str]]:
    """What may come next in a command, and what that is."""
    yield from ((below.path[-1], below.says) for below in command.commands)
    for place in command.places:
        yield from ((choice, place.says) for choice in _values(place))
    yield from ((name, option.says) for option in command.options for name in option.names if name.startswith("--"))


def _values(option: Option) -> tuple[str, ...]:
    return option.choices or (SCOPES if option.value == "SCOPE" else ())


def _at(command: Command) -> str:
    return " ".join(command.path)


def _valued(tree: Command) -> Iterator[tuple[Command, Option]]:
    """Every option that takes a value, with the command that it belongs to."""
    return ((command, option) for command in tree.walk() for option in command.options if option.value)


def _patterns(command: Command, option: Option) -> str:
    return "|".join(shlex.quote(f"{_at(command)}|{name}") for name in option.names)


def _steps(tree: Command) -> str:
    """The words that lead from a command into one of its own, as a shell's pattern."""
    return "|".join(
        shlex.quote(f"{_at(parent)} {below.path[-1]}") for parent in tree.walk() for below in parent.commands
    )


def _value_cases(tree: Command, *, files: str, among: Callable[[tuple[str, ...]], str]) -> str:
    """The branches of a shell's ``case`` that complete an option's value: a file, or one of some words."""
    return "\n".join(
        f"    {_patterns(command, option)}) {files if option.takes_file else among(_values(option))}; return ;;"
        for command, option in _valued(tree)
    )


def _word_cases(tree: Command, set_words: Callable[[Iterator[tuple[str, str]]], str]) -> str:
    """The branches of a shell's ``case`` that say what may come next in each command."""
    return "\n".join(f"    {shlex.quote(_at(command))}) {set_words(_words(command))} ;;" for command in tree.walk())


def _bash(tree: Command) -> str:
    values = _value_cases(
        tree,
        files='COMPREPLY=($(compgen -f -- "$cur")); compopt -o filenames',
        among=lambda words: f'COMPREPLY=($(compgen -W {shlex.quote(" ".join(words))} -- "$cur"))',
    )
    words = _word_cases(tree, lambda words: f"words={shlex.quote(' '.join(word for word, _ in words))}")
    return f"""\
# bash completion for {PROGRAM}: source <({PROGRAM} completion bash)
_killswitch_console() {{
  local cur prev at="" words="" word number
  COMPREPLY=()
  cur="${{COMP_WORDS[COMP_CWORD]}}"
  prev="${{COMP_WORDS[COMP_CWORD-1]}}"
  for ((number = 1; number < COMP_CWORD; number++)); do
    word="${{COMP_WORDS[number]}}"
    case "$at $word" in
      {_steps(tree)}) at="${{at:+$at }}$word" ;;
    esac
  done
  case "$at|$prev" in
{values}
  esac
  case "$at" in
{words}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [[ "${{COMPREPLY[*]}}" == *: ]] && compopt -o nospace
  return 0
}}
complete -F _killswitch_console {PROGRAM}
"""


def _zsh(tree: Command) -> str:
    values = _value_cases(
        tree,
        files="_files",
        among=lambda words: f"found=({' '.join(map(shlex.quote, words))}); compadd -- $found",
    )
    words = _word_cases(tree, lambda words: f"found=({' '.join(map(_described, words))})")
    return f"""\
#compdef {PROGRAM}
# zsh completion for {PROGRAM}: in a directory of $fpath as _{PROGRAM}, or: source <({PROGRAM} completion zsh)
_killswitch_console() {{
  local at="" word number
  local -a found
  for ((number = 2; number < CURRENT; number++)); do
    word="${{words[number]}}"
    case "$at $word" in
      {_steps(tree)}) at="${{at:+$at }}$word" ;;
    esac
  done
  case "$at|${{words[CURRENT-1]}}" in
{values}
  esac
  case "$at" in
{words}
  esac
  _describe {shlex.quote(PROGRAM)} found
}}
if [[ "${{funcstack[1]}}" == _{PROGRAM} ]]; then
  _killswitch_console "$@"
else
  compdef _killswitch_console {PROGRAM}
fi
"""


def _described(word: tuple[str, str]) -> str:
    name, says = (part.replace(":", "\\:") for part in word)
    return shlex.quote(f"{name}:{says}")


def _fish(tree: Command) -> str:
    lines = [
        f"# fish completion for {PROGRAM}: {PROGRAM} completion fish | source",
        "function __killswitch_console_at",
        "    set -l at ''",
        "    for word in (commandline -opc)[2..]",
        '        switch "$at $word"',
        f"            case {' '.join(shlex.quote(f'{_at(p)} {b.path[-1]}') for p in tree.walk() for b in p.commands)}",
        '                set at (string trim -- "$at $word")',
        "        end",
        "    end",
        '    test "$at" = "$argv"',
        "end",
        f"complete -c {PROGRAM} -f",
    ]
    for command in tree.walk():
        here = f"complete -c {PROGRAM} -n {shlex.quote(f'__killswitch_console_at {_at(command)}'.strip())}"
        lines += [f"{here} -a {shlex.quote(b.path[-1])} -d {shlex.quote(b.says)}" for b in command.commands]
        for place in command.places:
            lines += [f"{here} -a {shlex.quote(value)} -d {shlex.quote(place.says)}" for value in _values(place)]
        lines += [f"{here} {_fish_option(option)}" for option in command.options]
    return "\n".join(lines) + "\n"


def _fish_option(option: Option) -> str:
    names = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names]
    if option.takes_file:
        names.append("-r -F")
    elif option.value:
        names.append(f"-x -a {shlex.quote(' '.join(_values(option)))}" if _values(option) else "-x")
    return " ".join([*names, f"-d {shlex.quote(option.says)}"])


SHELLS: Final[dict[str, Callable[[Command], str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
