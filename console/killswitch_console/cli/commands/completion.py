"""``completion``: what makes a shell complete this command's words."""

from __future__ import annotations

import argparse

SUMMARY = "print a completion script: source <(killswitch-console completion bash)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that completes")


def run(options: argparse.Namespace) -> int:
    """Print it; exit 0."""
    from killswitch_console.cli.completion import script
    from killswitch_console.cli.main import DONE

    print(script(options.shell), end="")
    return DONE
