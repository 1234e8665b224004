"""``policy``: the least rights that this console needs on a platform, to read, change and apply there."""

from __future__ import annotations

import argparse

SUMMARY = "print the least rights that the console needs on a platform; changes nothing"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config

    parser.add_argument("platform", metavar="PLATFORM", help="kubernetes, aws, launchdarkly, eventbridge")
    add_config(parser)


def run(options: argparse.Namespace) -> int:
    """Print it for the configured tables, or a general one without a configuration."""
    from importlib.metadata import entry_points

    from killswitch_backends.policies import PolicyKind, PolicyText
    from killswitch_console.cli.failures import UsageError
    from killswitch_console.cli.main import DONE
    from killswitch_console.config import ENTRY_POINTS

    texts: dict[str, PolicyText] = {}
    for point in entry_points(group=ENTRY_POINTS):
        kind = point.load()
        if isinstance(kind, PolicyKind):
            texts.update(kind.policies)
    if options.platform not in texts:
        raise UsageError(f"no policy for {options.platform!r}; there are {', '.join(sorted(texts))}")
    print(texts[options.platform](_tables(options)), end="")
    return DONE


def _tables(options: argparse.Namespace) -> dict[str, list[object]]:
    """The configured settings by kind; none where there is no configuration (a broken one is an error)."""
    from killswitch_console.config import ConfigurationError, find_configuration, load_configuration

    try:
        path = find_configuration(options.config)
    except ConfigurationError:
        return {}
    tables: dict[str, list[object]] = {}
    for table in load_configuration(path).backends:
        tables.setdefault(table.kind.kind, []).append(table.settings)
    return tables
