"""Are all volumes of the trail there, and does each go on where the one before it ended? Verifies each of them, too.

A volume may be gone because it was retired: then events that are still here say with which end, and so does the anchor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from killswitch_console.audit.findings import VolumeReport
from killswitch_console.audit.notes import Checkpoint, NoteError, Verifier, read_checkpoint
from killswitch_console.audit.recordings import changed
from killswitch_console.audit.verifying import verify_volume
from killswitch_console.audit.volumes import TrailDirectory, key_name, log_id


def verify_directory(
    directory: TrailDirectory, verifier: Verifier | None, anchors: Mapping[str, Sequence[Checkpoint]]
) -> list[VolumeReport]:
    """Verify all volumes and how they follow each other.

    Args:
        directory: the trail.
        verifier: the public key.
        anchors: checkpoints kept elsewhere, by the volume's log id. Those of other bastions are not looked at.
    """
    reports = [verify_volume(path, verifier, anchors.get(log_id(path), ())) for path in directory.volumes()]
    others = {log_id(report.path): report for report in reports}
    retired = {log: data for report in reports for log, data in report.retired.items()}
    for report in reports:
        _check_continuity(report, others, retired, verifier)
        for name in changed(directory, report.recordings):
            report.tampered(f"recordings/{name}", "was changed since its session ended")
    missing = [log for log in sorted(anchors.keys() - others.keys()) if _ours(anchors[log])]
    if missing:
        lost = VolumeReport(directory.path)
        for log in missing:
            _check_missing(lost, log, anchors[log], retired.get(log))
        if lost.findings:
            reports.append(lost)
    return reports


def _ours(anchors: Sequence[Checkpoint]) -> bool:
    """Whether anchors are of a trail of this bastion: several may share a bucket."""
    return any(anchor.origin.startswith(f"{key_name()}/") for anchor in anchors)


def _check_missing(
    report: VolumeReport, log: str, anchors: Sequence[Checkpoint], retired: Mapping[str, Any] | None
) -> None:
    """A volume that the remote anchor knows is not here: it was retired, with the end that the anchor says, or lost."""
    if retired is None:
        report.tampered(log, "a volume that the remote anchor knows is not here")
        return
    promised = _promised(retired)
    if promised is None or max(anchors, key=lambda anchor: anchor.size) != promised:
        report.tampered(log, "was retired, but the remote anchor does not end as the trail says that it ended")


def _check_continuity(
    report: VolumeReport,
    others: Mapping[str, VolumeReport],
    retired: Mapping[str, Mapping[str, Any]],
    verifier: Verifier | None,
) -> None:
    name = report.path.name
    if lost := report.first.get("lost"):
        report.tampered(name, f"it replaced {lost}, which was deleted while in use")
    continues = report.first.get("continues")
    if not isinstance(continues, dict):
        return
    log = str(continues.get("log"))
    before, gone = others.get(log), retired.get(log)
    promised = _promised(continues)
    if promised is None:
        report.unverifiable(name, "what it says of the volume before it does not read")
    elif before is not None:
        if before.checkpoint != promised:
            before.tampered(before.path.name, f"does not end as {name} says it ended, at {promised.receipt}")
    elif gone is None:
        report.unverifiable(name, f"the volume before it, {log}, is not here")
    elif _promised(gone, verifier) != promised:
        report.tampered(name, f"the volume before it, {log}, was retired, but with another end than it had")


def _promised(data: Mapping[str, Any], verifier: Verifier | None = None) -> Checkpoint | None:
    """The checkpoint in an event's particulars; None where it does not read, or the key did not sign it."""
    lines = data.get("note")
    note = "\n".join(map(str, lines if isinstance(lines, list) else ()))
    try:
        return verifier.open(note) if verifier else read_checkpoint(note)
    except NoteError:
        return None
