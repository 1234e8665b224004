"""``audit``: read, verify, export and keep the audit trail."""

from __future__ import annotations

import argparse

SUMMARY = "the audit trail: list, show, verify, sync, export, play, rotate, retire, backup"

FORMATS = ("jsonl", "csv", "ocsf", "html", "bundle")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    _declare_list(_declared(commands, "list", "list events, newest last"))
    show = _declared(commands, "show", "show one event, or all of one halt")
    show.add_argument("id", metavar="EVENT|HALT", help="an event's id or number, or a halt's id")
    verify = _declared(commands, "verify", "check that the trail is whole and unchanged; says which event is not")
    verify.add_argument("path", nargs="?", metavar="PATH", help="a bundle or a copy of a trail, instead of this trail")
    verify.add_argument("--key", metavar="KEY", help="the public key to insist on, NAME+HASH+KEY")
    verify.add_argument("--offline", action="store_true", help="ask neither the remote anchor nor the platforms' logs")
    _declared(commands, "sync", "send what is new to the remote store and the mirrors; for cron")
    export = _declared(commands, "export", "write events to a file")
    _declare_selection(export)
    export.add_argument("--format", choices=FORMATS, default="jsonl", help="default: jsonl, the exact bytes")
    export.add_argument("--output", "-o", metavar="FILE", help="default: standard output; a bundle needs one")
    play = _declared(commands, "play", "replay what a session's screen showed")
    play.add_argument("session", metavar="SESSION", help="a session's id, or a recording's file")
    play.add_argument("--from", dest="start", metavar="EVENT", help="start at this event's marker (id, number or kind)")
    play.add_argument("--speed", type=float, default=1.0, metavar="X", help="default 1; 0 shows the last frame at once")
    play.add_argument("--idle", type=float, default=2.0, metavar="S", help="longest pause, default 2 seconds")
    _declared(commands, "rotate", "close the current volume and begin a new one that continues it")
    _declared(commands, "retire", "remove volumes older than [audit] keep_days that are verified and anchored")
    backup = _declared(commands, "backup", "copy the trail, consistently, while consoles write to it")
    backup.add_argument("directory", metavar="DIRECTORY", help="where to; it must not exist yet")


def _declared(commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str) -> argparse.ArgumentParser:  # fmt: skip  # noqa: E501
    from killswitch_console.cli.options import add_config, add_json

    parser = commands.add_parser(name, help=text, description=text)
    add_config(parser)
    add_json(parser)
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")
    return parser


def _declare_list(parser: argparse.ArgumentParser) -> None:
    _declare_selection(parser)
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="the last N events, default 100")


def _declare_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--halt", metavar="HALT", help="of one halt")
    parser.add_argument("--session", metavar="SESSION", help="of one session")
    parser.add_argument("--since", metavar="TIME", help="RFC 3339, or an age: 90m, 24h, 7d")
    parser.add_argument("--until", metavar="TIME", help="likewise")
    parser.add_argument("--incident", metavar="ID", help="of one incident")
    parser.add_argument("--scope", metavar="SCOPE", help="of halts, plans and refusals whose scope contains this")
    parser.add_argument("--text", metavar="TEXT", help="whose text contains this")
    parser.add_argument("--by", metavar="NAME", help="whose actor contains this")
    parser.add_argument("--kind", metavar="KIND", help="of this kind, or of kinds that begin so (halt.)")


def run(options: argparse.Namespace) -> int:
    """Do it; ``verify`` exits 0 (whole), 4 (cannot be verified) or 5 (tampered)."""
    from killswitch_console.cli import session
    from killswitch_console.cli.trail.actions import ACTIONS

    return session.run(lambda: ACTIONS[options.action](options))
