"""The first run: nothing is configured yet, and nobody should have to guess what comes next."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from killswitch_console.cli.asking import can_ask
from killswitch_console.cli.failures import UsageError
from killswitch_console.cli.main import DONE, USAGE
from killswitch_console.config_files import NoConfiguration


def guide(missing: NoConfiguration) -> int:
    """Say what is missing and offer an example. Raises what was missing where nobody can be asked."""
    if not can_ask():
        raise missing
    print(
        "Nothing is configured yet: this console does not know which platforms your agents run on.\n"
        "To look around first, with nothing real touched: killswitch-console demo\n"
        f"Write a commented example to {missing.place}? [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        print("Nothing was written. `killswitch-console init` does it later.", file=sys.stderr)
        return USAGE
    print(written(missing.place))
    return DONE


def written(place: Path) -> str:
    """Write the example; what to do next. Raises ``UsageError`` where there is a file already, or none can be."""
    from killswitch_console.example import example

    if place.exists():
        raise UsageError(f"{place} is there already and was left alone; --print shows the example")
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"{place}: cannot be written: {why}; --output FILE names another place") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(example())
    return f"wrote {place}. Next: switch a platform on in it, then run: killswitch-console check --config {place}"
