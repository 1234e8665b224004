"""``runbook``: what to do, with no network and no configuration; contacts where there is one."""

from __future__ import annotations

import argparse

SUMMARY = "what to do, step by step; works with no network and no configuration - print it"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config

    add_config(parser)


def run(options: argparse.Namespace) -> int:
    """Print it; exit 0 whatever is wrong with the configuration, and say what."""
    from killswitch_console.cli.main import DONE
    from killswitch_console.cli.session import warn
    from killswitch_console.config import ConfigurationError, find_configuration, load_configuration
    from killswitch_console.hostile import clean
    from killswitch_console.runbook import Call, calls_of, runbook

    environment, calls = None, list[Call]()
    try:
        document = load_configuration(find_configuration(options.config)).document
    except ConfigurationError as error:
        if options.config is not None:
            warn(f"without your contacts: {error}")
    else:
        environment = clean(document.environment)
        calls = calls_of(document)
    print(runbook(environment, calls), end="")
    return DONE
