"""``audit verify``: a trail with its remote anchor and the platforms' own logs, or an export, held against its key."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from killswitch_backends.problems import Problem
from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.crosschecking import PlatformReport
from killswitch_console.audit.findings import VolumeReport
from killswitch_console.audit.notes import Checkpoint
from killswitch_console.audit.standalone import verify_export
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.cli import session
from killswitch_console.cli.failures import UsageError
from killswitch_console.cli.trail.asked import directory_of, verifier_of
from killswitch_console.cli.trail.verdicts import tell_verdict
from killswitch_console.config import Configuration
from killswitch_console.vault.references import resolve_secret


async def verify(options: argparse.Namespace) -> int:
    """Verify this trail, a copy of one, or an export."""
    if options.path is not None and not TrailDirectory(Path(options.path)).volumes():
        return _verify_export(Path(options.path), options.key)
    configuration = session.configuration(options) if options.path is None else None
    directory = TrailDirectory(Path(options.path)) if configuration is None else directory_of(configuration)
    verifier = verifier_of(directory, options.key or (configuration.document.audit.verifier if configuration else None))
    anchors: Mapping[str, Sequence[Checkpoint]] = {}
    problem = ""
    if configuration is not None and configuration.document.audit.s3 is not None and not options.offline:
        from killswitch_console.audit.syncing import fetch_anchors

        anchors, problem = await fetch_anchors(configuration.document.audit, configuration.path.parent, resolve_secret)
    reports = await asyncio.to_thread(verify_directory, directory, verifier, anchors)
    if problem:
        reports[-1].unverifiable("the remote anchor", problem)
    elif anchors and configuration is not None:
        await _compare_fallen(configuration, directory, reports[-1])
    platforms = [] if configuration is None or options.offline else await _cross_checked(configuration, reports)
    return tell_verdict(reports, platforms, verifier, as_json=options.json)


async def _compare_fallen(configuration: Configuration, directory: TrailDirectory, report: VolumeReport) -> None:
    """Hold what was sent past the trail against what is in it."""
    from killswitch_console.audit.syncing import compare_fallen

    audit, base = configuration.document.audit, configuration.path.parent
    try:
        changed, lacking = await compare_fallen(directory, audit, base, resolve_secret)
    except (Problem, TrailUnavailable) as error:
        report.unverifiable("events sent past the trail", str(error))
        return
    for what in changed:
        report.tampered("the remote store", what)
    for what in lacking:
        report.unverifiable("the remote store", what)


async def _cross_checked(configuration: Configuration, reports: Sequence[VolumeReport]) -> list[PlatformReport]:
    """What the platforms' own logs say of the calls in these volumes."""
    calls = [call for report in reports for call in report.calls]
    if not calls:
        return []
    from killswitch_console.assembling import engine_settings
    from killswitch_console.audit.crosschecking import cross_check

    return await cross_check(calls, engine_settings(configuration).openers)


def _verify_export(path: Path, key: str | None) -> int:
    try:
        return verify_export(path, key)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
