"""``--break-glass`` of the commands that change something: the same ceremony as in the console."""

from __future__ import annotations

import argparse

from killswitch_console.cli.asking import can_ask
from killswitch_console.cli.failures import UsageError
from killswitch_console.cli.secrets import passphrase
from killswitch_console.cli.session import invoker, non_empty, warn
from killswitch_console.halting.engine import Engine
from killswitch_console.vault.credential import wipe


async def break_glass(engine: Engine, options: argparse.Namespace, reason: str, incident: str | None = None) -> None:
    """Break the glass if the command was told to; says what it opened.

    Raises:
        NotAuthorised, NoVaultOpened, UsageError: nothing was opened.
    """
    if not options.break_glass:
        return
    incident = (incident or "").strip() or _halt_of(options)
    if not incident:
        raise UsageError("--break-glass needs an incident: --incident ID ('none yet' is one); nothing was opened")
    alone = None if options.lone_operator is None else non_empty(options.lone_operator, "--lone-operator")
    secret, second = passphrase(options.passphrase_file), None
    try:
        second = _second(engine, options)
        opening = await engine.break_glass(
            secret, invoker=invoker(options), reason=reason, incident=incident, second=second, alone=alone
        )
    finally:
        wipe(secret)
        if second is not None:
            wipe(second)
    opened = ", ".join(map(str, opening.backends)) or "nothing"
    by = f" by {' and '.join(opening.custodians)}" if opening.custodians else ""
    warn(f"BREAK-GLASS: vault {opening.vault} opened {opened}{by}, until {opening.until:%H:%M} UTC at the latest")
    if opening.unopened:
        warn(f"no break-glass credential opens {', '.join(opening.unopened)}: normal ones are used there")


def _halt_of(options: argparse.Namespace) -> str:
    """What a command that goes on with a halt belongs to, where that halt has no incident."""
    halt = getattr(options, "halt", None)
    return f"halt {halt}" if halt else ""


def _second(engine: Engine, options: argparse.Namespace) -> bytearray | None:
    """The second custodian's passphrase: given, or asked for where a scope takes two and nobody says they are alone."""
    if options.second_passphrase_file is not None:
        return passphrase(options.second_passphrase_file)
    if not engine.settings.glass.two_custodians or options.lone_operator is not None or not can_ask():
        return None
    try:
        return passphrase(None, "Passphrase of the second custodian (empty: they are not here): ")
    except UsageError:  # empty: whether that is enough depends on the scope, and the engine says so
        return None
