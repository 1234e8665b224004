"""``breakglass``: keep emergency credentials sealed, tested and fresh."""

from __future__ import annotations

import argparse

SUMMARY = "emergency credentials: enrol, list, test, remove"

KINDS = ("aws-key", "kubernetes-certificate", "launchdarkly-token", "trigger-url")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    from killswitch_console.cli.options import add_passphrase

    commands = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    enrol = _declared(commands, "enrol", "seal a credential, or replace the one of its name (which rotates it)")
    enrol.add_argument("name", metavar="NAME", help="what you call it")
    enrol.add_argument("--kind", choices=KINDS, required=True)
    enrol.add_argument(
        "--for", dest="backends", metavar="TABLE", action="append", required=True, help="what it opens: lambda:prod"
    )
    enrol.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="a JSON object with its fields (- for stdin); a value of @PATH is read from that file. Default: asks",
    )
    enrol.add_argument("--expires", metavar="DATE", help="when it ends by itself, YYYY-MM-DD")
    listing = _declared(commands, "list", "what is enrolled, how old it is, what is due; asks for no passphrase")
    test = _declared(commands, "test", "open each platform with its credential and ask who we are; changes nothing")
    test.add_argument("name", nargs="?", metavar="NAME", help="one credential; default: all")
    remove = _declared(commands, "remove", "take a credential out of the vaults (it still works: revoke it too)")
    remove.add_argument("name", metavar="NAME")
    for one in (enrol, test, remove):
        add_passphrase(one)
    for one in (enrol, remove):
        one.add_argument("--vault", metavar="NAME", help="in this vault only; default: in every configured one")
    del listing


def _declared(commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str) -> argparse.ArgumentParser:  # fmt: skip  # noqa: E501
    from killswitch_console.cli.options import add_config, add_json

    parser = commands.add_parser(name, help=text, description=text)
    add_config(parser)
    add_json(parser)
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")
    return parser


def run(options: argparse.Namespace) -> int:
    """Do it; exit 0, 2 (misuse), or 4 (a vault or a test failed)."""
    from killswitch_console.cli import enrolment, session

    actions = {
        "enrol": enrolment.enrol,
        "list": enrolment.show,
        "test": enrolment.test,
        "remove": enrolment.remove,
    }
    return session.run(lambda: actions[options.action](options))
