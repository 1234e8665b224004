"""``--break-glass`` of the commands that change something: the same ceremony as in the console."""

from __future__ import annotations

import argparse

from killswitch_console.cli.secrets import passphrase
from killswitch_console.cli.session import invoker, warn
from killswitch_console.halting.engine import Engine
from killswitch_console.vault.credential import wipe


async def break_glass(engine: Engine, options: argparse.Namespace, reason: str, incident: str | None = None) -> None:
    """Break the glass if the command was told to; says what it opened.

    Raises:
        NotAuthorised, NoVaultOpened: nothing was opened.
    """
    if not options.break_glass:
        return
    secret = passphrase(options.passphrase_file)
    try:
        opening = await engine.break_glass(secret, invoker=invoker(options), reason=reason, incident=incident)
    finally:
        wipe(secret)
    opened = ", ".join(map(str, opening.backends)) or "nothing"
    warn(f"BREAK-GLASS: vault {opening.vault} opened {opened}, until {opening.until:%H:%M} UTC at the latest")
    if opening.unopened:
        warn(f"no break-glass credential opens {', '.join(opening.unopened)}: normal ones are used there")
