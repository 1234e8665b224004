"""What ``audit`` does: each action takes the command's options and returns an exit code."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import zipfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from killswitch_backends.problems import Problem
from killswitch_backends.recalling import Word
from killswitch_console.audit import asking
from killswitch_console.audit.assembling import new_session, signing_secret, trail_directory, trail_recorder
from killswitch_console.audit.bundle import write_bundle
from killswitch_console.audit.crosschecking import PlatformReport
from killswitch_console.audit.events import Event
from killswitch_console.audit.maintaining import back_up, rotate
from killswitch_console.audit.notes import Checkpoint, NoteError, Verifier
from killswitch_console.audit.ocsf import ocsf
from killswitch_console.audit.page import page
from killswitch_console.audit.reading import Selection, open_volume, selected
from killswitch_console.audit.standalone import verify as verify_bundle
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.syncing import Synchronised
from killswitch_console.audit.tables import summary, write_csv, write_jsonl
from killswitch_console.audit.verifying import Finding, Standing, VolumeReport, standing, verify_directory
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.cli import session
from killswitch_console.cli.failures import UsageError
from killswitch_console.cli.main import DONE, UNPROVEN
from killswitch_console.cli.output import print_json, print_table
from killswitch_console.config import Configuration
from killswitch_console.hostile import clean
from killswitch_console.vault.references import resolve_secret

TAMPERED: Final = 5

_EXIT: Final = {Standing.WHOLE: DONE, Standing.UNVERIFIABLE: UNPROVEN, Standing.TAMPERED: TAMPERED}


def moment(text: str | None) -> str | None:
    """A time or an age as events have their times. Raises ``UsageError``."""
    try:
        return None if text is None else asking.moment(text, datetime.now(UTC))
    except asking.Unclear as error:
        raise UsageError(str(error)) from None


def _selection(options: argparse.Namespace) -> Selection:
    return Selection(
        halt=options.halt,
        session=options.session,
        since=moment(options.since),
        until=moment(options.until),
        incident=options.incident,
        actor=options.by,
        kind=options.kind,
        scope=options.scope,
        text=options.text,
    )


def _directory(configuration: Configuration) -> TrailDirectory:
    directory = trail_directory(configuration)
    if not directory.volumes():
        raise UsageError(f"there is no audit trail in {directory.path} yet")
    return directory


async def _list(options: argparse.Namespace) -> int:
    directory = _directory(session.configuration(options))
    events: list[Event] = []
    for path in reversed(directory.volumes()):
        with open_volume(path) as volume:
            events = volume.latest(_selection(options), options.limit - len(events)) + events
        if len(events) >= options.limit:
            break
    _print_events(events, as_json=options.json)
    return DONE


def _print_events(events: list[Event], *, as_json: bool) -> None:
    if as_json:
        print_json([event.fields for event in events])
        return
    bodies = [event.fields for event in events]
    rows = [
        (
            str(b["seq"]),
            b["at"][:23],
            b["kind"],
            b["actor"],
            str(b["data"].get("target") or b["halt"] or ""),
            summary(b),
        )
        for b in bodies
    ]
    print_table(("#", "AT", "EVENT", "BY", "WHAT", "DETAIL"), rows)


async def _show(options: argparse.Namespace) -> int:
    directory = _directory(session.configuration(options))
    found = [event for event in selected(directory, Selection(halt=options.id)) if event.fields["halt"] == options.id]
    if found:
        _print_events(found, as_json=options.json)
        return DONE
    for path in reversed(directory.volumes()):
        with open_volume(path) as volume:
            if event := volume.event(options.id):
                print_json(event.fields)
                return DONE
    raise UsageError(f"no event and no halt is called {options.id}")


async def _verify(options: argparse.Namespace) -> int:
    if options.path is not None and not TrailDirectory(Path(options.path)).volumes():
        return _verify_export(Path(options.path), options.key)
    configuration = session.configuration(options) if options.path is None else None
    directory = TrailDirectory(Path(options.path)) if configuration is None else _directory(configuration)
    verifier = _verifier(directory, options.key or (configuration.document.audit.verifier if configuration else None))
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
    return _tell(reports, platforms, verifier, as_json=options.json)


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
    if path.is_dir():
        names = [str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()]
        return verify_bundle(lambda name: (path / name).read_bytes(), names, key)
    try:
        with zipfile.ZipFile(path) as archive:
            return verify_bundle(archive.read, archive.namelist(), key)
    except zipfile.BadZipFile as error:
        print(f"TAMPERED: {path}: {error}")
        return TAMPERED
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _verifier(directory: TrailDirectory, given: str | None) -> Verifier | None:
    """The key that must have signed: given, or configured, or the directory's own."""
    try:
        if given:
            return Verifier.parse(given)
        return Verifier.parse(directory.verifier_file.read_text(encoding="ascii"))
    except NoteError as error:
        raise UsageError(f"the public key cannot be used: {error}") from error
    except (OSError, UnicodeDecodeError):
        return None


def _tell(
    reports: list[VolumeReport], platforms: list[PlatformReport], verifier: Verifier | None, *, as_json: bool
) -> int:
    findings = [f for r in reports for f in r.findings] + [f for p in platforms for f in p.findings]
    verdict = standing(findings)
    if as_json:
        print_json(
            {
                "standing": verdict,
                "key": str(verifier) if verifier else None,
                "volumes": [_report(r) for r in reports],
                "platforms": [_platform(p) for p in platforms],
            }
        )
        return _EXIT[verdict]
    for report in reports:
        receipt = report.checkpoint.receipt if report.checkpoint else "nothing signed"
        anchored = f", {report.anchors} remote anchors" if report.anchors else ", no remote anchor"
        print(f"{report.path.name}: {report.size} events, {report.checkpoints} checkpoints{anchored}; {receipt}")
        if gaps := report.kinds.get("audit.gap"):
            print(
                f"  {gaps} times events could not be written at once and were put in late (audit list --kind audit.gap)"
            )
        _print_findings(report.findings)
    for log, told in {log: told for report in reports for log, told in report.retired.items()}.items():
        print(clean(_retired(log, told), most=1000))
    for platform in platforms:
        print(clean(platform.line(), most=1000))
        _print_findings(platform.findings)
    print(verdict.upper() + (f"; key {verifier}" if verifier else ""))
    return _EXIT[verdict]


def _retired(log: str, told: Mapping[str, Any]) -> str:
    """A volume that retention removed, in words."""
    return f"{log}: {told.get('events')} events, {told.get('from')} to {told.get('to')}, kept at {told.get('kept_at')}"


def _print_findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        print(f"  {finding.standing.upper()}: {clean(str(finding), most=1000)}")


def _platform(report: PlatformReport) -> dict[str, Any]:
    return {
        "platform": report.platform,
        "calls": report.calls,
        **{str(word): report.words[word] for word in Word},
        "reasons": dict(report.reasons),
        "findings": _findings(report.findings),
    }


def _findings(findings: Sequence[Finding]) -> list[dict[str, str]]:
    return [{"standing": f.standing, "where": f.where, "what": f.what} for f in findings]


def _report(report: VolumeReport) -> dict[str, Any]:
    return {
        "volume": report.path.name,
        "events": report.size,
        "signed": report.signed,
        "receipt": report.checkpoint.receipt if report.checkpoint else None,
        "checkpoints": report.checkpoints,
        "anchors": report.anchors,
        "gaps": report.kinds.get("audit.gap", 0),
        "retired": [
            {k: v for k, v in told.items() if k not in ("note", "earlier")} for told in report.retired.values()
        ],
        "findings": _findings(report.findings),
    }


async def _export(options: argparse.Namespace) -> int:
    configuration = session.configuration(options)
    directory = _directory(configuration)
    selection = _selection(options)
    if options.format == "bundle" and options.output is None:
        raise UsageError("a bundle is a zip: give --output FILE")
    said = {
        "format": options.format,
        "selection": {k: v for k, v in asdict(selection).items() if v},
        "output": options.output,
    }
    async with trail_recorder(configuration, new_session(configuration), session.warn) as recorder:
        await recorder.require("audit.exported", said)
    count = await asyncio.to_thread(_write, options, directory, selection)
    print(f"{count} events", file=sys.stderr)
    return DONE


def _write(options: argparse.Namespace, directory: TrailDirectory, selection: Selection) -> int:
    if options.format == "bundle":
        return write_bundle(directory, selection, _verifier(directory, None), Path(options.output))
    if options.output is None:
        return _stream(options.format, directory, selection, sys.stdout.fileno())
    fd = os.open(options.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return _stream(options.format, directory, selection, fd)


def _stream(kind: str, directory: TrailDirectory, selection: Selection, fd: int) -> int:
    events = selected(directory, selection)
    with open(fd, "w", encoding="utf-8", newline="", closefd=fd != sys.stdout.fileno()) as out:
        match kind:
            case "jsonl":
                return write_jsonl(events, out)
            case "csv":
                return write_csv(events, out)
            case "ocsf":
                return sum(out.write(json.dumps(document) + "\n") > 0 for document in ocsf(events))
            case _:
                read = list(events)
                out.write(page(read, title=selection.title, footer=[f"verifier key {_verifier(directory, None)}"]))
                return len(read)


async def _rotate(options: argparse.Namespace) -> int:
    configuration = session.configuration(options)
    directory = _directory(configuration)
    signer = await asyncio.to_thread(directory.signer, await signing_secret(configuration)())
    path = await rotate(directory, new_session(configuration), signer)
    print(f"{path.name} is written from now on")
    return DONE


async def _retire(options: argparse.Namespace) -> int:
    from killswitch_console.audit.object_store import open_store
    from killswitch_console.audit.retiring import due, retire

    configuration = session.configuration(options)
    directory, audit = _directory(configuration), configuration.document.audit
    if audit.keep_days is None or audit.s3 is None:
        raise UsageError(f"{configuration.path}: nothing is removed without [audit] keep_days and [audit.s3]")
    verifier = _verifier(directory, audit.verifier)
    before = due(audit.keep_days, datetime.now(UTC))
    async with (
        open_store(audit.s3, configuration.path.parent) as store,
        trail_recorder(configuration, new_session(configuration), session.warn) as recorder,
    ):
        done = await retire(directory, store, audit.s3.url, verifier, before, recorder.require)
    if options.json:
        print_json(asdict(done))
    else:
        print(f"{len(done.removed)} volumes removed; their bytes are at {audit.s3.url}")
        for name, why in done.kept.items():
            session.warn(f"{name} stays: {clean(why, most=500)}")
    return UNPROVEN if done.kept else DONE


async def _backup(options: argparse.Namespace) -> int:
    directory = _directory(session.configuration(options))
    copied = await asyncio.to_thread(back_up, directory, Path(options.directory))
    print_json(copied) if options.json else print_table(("VOLUME", "EVENTS"), [(n, str(c)) for n, c in copied.items()])
    return DONE


async def _sync(options: argparse.Namespace) -> int:
    from killswitch_console.audit.syncing import open_sinks, synchronise, turn

    configuration = session.configuration(options)
    directory = _directory(configuration)
    async with open_sinks(configuration.document.audit, configuration.path.parent, resolve_secret) as sinks:
        if not sinks:
            raise UsageError(f"{configuration.path}: [audit] names nothing to synchronise with (s3, otlp, webhook)")
        with turn(directory) as ours:
            if not ours:
                print("another process synchronises now", file=sys.stderr)
                return DONE
            done = await synchronise(directory, sinks)
    if done.alarms or done.recovered:
        async with trail_recorder(configuration, new_session(configuration), session.warn) as recorder:
            for alarm in done.alarms:
                recorder.note("audit.alarm", {"what": alarm})
    return _tell_sync(done, as_json=options.json)


def _tell_sync(done: Synchronised, *, as_json: bool) -> int:
    if as_json:
        print_json({**asdict(done), "behind": done.behind})
    else:
        for a in done.anchored:
            print(f"{a.volume}: {a.now - a.before} events anchored, {a.now} of {a.total} in all")
        if done.recordings:
            print(f"{done.recordings} recordings sent")
        if done.recovered:
            print(f"{done.recovered} events that had been sent past the trail are put into it")
        for name, taken in done.delivered.items():
            print(f"{name}: {taken} events")
        for problem in [*(f"ALARM: {alarm}" for alarm in done.alarms), *done.problems]:
            session.warn(problem)
    if done.alarms:
        return TAMPERED
    return UNPROVEN if done.problems or done.behind else DONE


async def _play(options: argparse.Namespace) -> int:
    from killswitch_console.audit.playing import play

    directory = trail_directory(session.configuration(options))
    try:
        return await play(directory, options.session, start=options.start, speed=options.speed, idle=options.idle)
    except OSError as error:
        raise TrailUnavailable(f"{options.session}: {error.strerror or error}") from error


ACTIONS: Final[dict[str, Callable[[argparse.Namespace], Coroutine[None, None, int]]]] = {
    "list": _list,
    "show": _show,
    "verify": _verify,
    "sync": _sync,
    "export": _export,
    "play": _play,
    "rotate": _rotate,
    "retire": _retire,
    "backup": _backup,
}
