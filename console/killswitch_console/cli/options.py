"""Options that several commands share."""

from __future__ import annotations

import argparse


def add_config(parser: argparse.ArgumentParser) -> None:
    """``--config FILE``."""
    parser.add_argument(
        "--config", metavar="FILE", help="configuration (default: $KILLSWITCH_CONFIG, then the usual places)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``: one document on stdout and nothing else there."""
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else there")


THEMES = ("dark", "light", "high-contrast", "colour-blind", "plain")
"""As ``config.ThemeName`` has them; that costs an import of pydantic."""


def add_theme(parser: argparse.ArgumentParser) -> None:
    """``--theme``."""
    parser.add_argument(
        "--theme", choices=THEMES, help="the console's colours (default: as configured, else dark; NO_COLOR: plain)"
    )


def add_profile(parser: argparse.ArgumentParser) -> None:
    """``--profile``."""
    parser.add_argument(
        "--profile",
        choices=("graceful", "immediate", "force"),
        default="immediate",
        help="how gently processes end (default: immediate)",
    )


def add_confirmation(parser: argparse.ArgumentParser, *, verb: str, required: bool = True) -> None:
    """``--reason``, ``--confirm``, ``--timeout``: what every change of the world needs."""
    parser.add_argument("--reason", required=required, metavar="TEXT", help=f"why you {verb}; it is recorded")
    parser.add_argument("--confirm", metavar="TEXT", help="the confirmation that the dialog would ask for")
    add_timeout(parser)


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """``--timeout S``."""
    parser.add_argument("--timeout", type=_seconds, metavar="S", help="stop waiting for proof after S seconds")


def add_override(parser: argparse.ArgumentParser) -> None:
    """``--override REASON``."""
    parser.add_argument(
        "--override",
        metavar="REASON",
        help="act outside your role, where the configuration allows that; recorded and notified as a security event",
    )


def add_passphrase(parser: argparse.ArgumentParser) -> None:
    """``--passphrase-file FILE``."""
    parser.add_argument(
        "--passphrase-file",
        metavar="FILE",
        help="read the vault's passphrase from this file's first line (- for stdin) instead of asking for it",
    )


def add_break_glass(parser: argparse.ArgumentParser) -> None:
    """``--break-glass`` and ``--passphrase-file``."""
    parser.add_argument(
        "--break-glass",
        action="store_true",
        help="act with the sealed emergency credentials; recorded and notified as a security event before they open",
    )
    parser.add_argument(
        "--second-passphrase-file",
        metavar="FILE",
        help="the second custodian's passphrase, where a scope takes two (- for the next line of stdin)",
    )
    parser.add_argument(
        "--lone-operator",
        metavar="REASON",
        help="break the glass as one custodian where a scope takes two, and why; recorded and notified as a security "
        "event",
    )
    add_passphrase(parser)


def add_trail(parser: argparse.ArgumentParser) -> None:
    """``--from-trail`` and ``--key``."""
    parser.add_argument(
        "--from-trail",
        metavar="s3|DIR",
        help="know the halt from the synchronised trail of [audit.s3], or from a copy of a bastion's trail",
    )
    parser.add_argument(
        "--key", action="append", default=[], metavar="KEY", help="believe a trail that this public key signed"
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError("must be a positive number of seconds")
    return seconds
