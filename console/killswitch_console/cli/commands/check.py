"""``check``: would the switch work now; for people, for scripts and for monitoring. Changes nothing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from killswitch_backends.checking import Finding
    from killswitch_console.checking.report import Report

SUMMARY = "check that a halt would work: platforms, rights, clocks, coverage, break-glass, trail; changes nothing"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config, add_json

    parser.add_argument("--prometheus", metavar="FILE", help="write metrics for a textfile collector")
    parser.add_argument("--all", action="store_true", help="show also what is well")
    add_config(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Check, then exit 0 (all green) or 4."""
    from killswitch_console.cli import session

    return session.run(lambda: _check(options))


async def _check(options: argparse.Namespace) -> int:
    from killswitch_console.checking.everything import check
    from killswitch_console.checking.report import document
    from killswitch_console.cli import session
    from killswitch_console.cli.main import DONE, UNPROVEN
    from killswitch_console.cli.output import print_json

    settled = session.configuration(options)
    async with session.engine(settled) as engine:
        report = await check(settled, engine)
    if options.prometheus:
        _write(options.prometheus, report)
    if options.json:
        print_json(document(report))
    else:
        _show(report, whole=options.all)
    return DONE if report.green else UNPROVEN


def _show(report: Report, *, whole: bool) -> None:
    from killswitch_backends.checking import Standing
    from killswitch_console.checking.concerns.installed import in_words
    from killswitch_console.cli.output import print_table

    shown = [(s, f) for s, f in report.findings if whole or f.standing is not Standing.OK]
    rows = [
        (
            section,
            finding.subject,
            finding.standing.upper(),
            finding.what + (f" ({finding.todo})" if finding.todo else ""),
        )
        for section, finding in shown
    ]
    if rows:
        print_table(("AREA", "SUBJECT", "STANDING", "WHAT"), rows)
    print(in_words())
    well = sum(finding.standing is Standing.OK for _, finding in report.findings)
    verdict = "all green" if report.green else "NOT ALL GREEN"
    print(f"{verdict}: {well} of {len(report.findings)} findings are ok in {report.environment}")


def _words(finding: Finding) -> str:
    return f"{finding.what} ({finding.todo})" if finding.todo else finding.what


def _write(name: str, report: Report) -> None:
    import os
    import tempfile
    from pathlib import Path

    from killswitch_console.checking.report import prometheus
    from killswitch_console.cli.failures import UsageError

    path = Path(name)
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(prometheus(report))
            os.fchmod(file.fileno(), 0o644)  # the collector is another account
        Path(temporary).replace(path)
    except OSError as error:
        raise UsageError(f"--prometheus {name}: {error.strerror or error}") from None
