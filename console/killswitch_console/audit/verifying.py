"""Is the trail whole and unchanged? Says which event, and what is wrong with it.

One pass over each volume, in constant memory: order, chain, the searchable columns against the signed bytes, the tree
against every signed checkpoint, against what was anchored elsewhere, and volume against volume.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from killswitch_console.audit.events import NO_PREVIOUS
from killswitch_console.audit.merkle import Edge, GrowingTree, leaf_hash
from killswitch_console.audit.notes import Checkpoint, NoteError, Verifier, read_checkpoint
from killswitch_console.audit.reading import Volume, open_volume
from killswitch_console.audit.recordings import changed
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.volumes import TrailDirectory, key_name, log_id

MOST_FINDINGS: Final = 20
"""Findings of one volume that are told; after those the rest of it is not worth reading."""

RETIRED: Final = "trail.retired"
"""The kind of event that tells of a volume that retention removed."""

MOST_CALLS: Final = 5000
"""Calls of one volume that are compared with the platforms' own logs: the last ones."""

_COLUMNS: Final = ("seq", "id", "at", "kind", "session", "actor", "halt", "incident")
_FIELDS: Final = itemgetter(*_COLUMNS)


class Standing(StrEnum):
    """What a verification came to; the worst finding decides."""

    WHOLE = "whole"
    UNVERIFIABLE = "cannot be verified"
    TAMPERED = "tampered"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where, what, how bad."""

    standing: Standing
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class Call(NamedTuple):
    """A platform call that was answered, as the trail has it."""

    seq: int
    target: str
    request_id: str
    at: str


@dataclass(slots=True)
class VolumeReport:
    """What a pass over one volume found."""

    path: Path
    size: int = 0
    signed: int = 0
    checkpoint: Checkpoint | None = None
    """The last signed one, if it holds."""
    checkpoints: int = 0
    anchors: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=MOST_CALLS))
    """The last platform calls outside drills that have a request id, for the platforms' own logs."""
    recordings: dict[str, str] = field(default_factory=dict)
    """Files of recordings, each with the hash that its session gave."""
    retired: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """By log id: volumes that its events say were removed after they had been verified and anchored elsewhere."""
    first: Mapping[str, Any] = field(default_factory=dict)
    """The first event's particulars: how it follows another volume."""

    def tampered(self, where: str, what: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(Standing.TAMPERED, where, what))

    def unverifiable(self, where: str, what: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(Standing.UNVERIFIABLE, where, what))


def standing(findings: Iterable[Finding]) -> Standing:
    """The worst of some findings."""
    found = {finding.standing for finding in findings}
    for worst in (Standing.TAMPERED, Standing.UNVERIFIABLE):
        if worst in found:
            return worst
    return Standing.WHOLE


def verify_volume(path: Path, verifier: Verifier | None, anchors: Sequence[Checkpoint] = ()) -> VolumeReport:
    """Verify one volume. Never raises for what is wrong with it.

    Args:
        path: the volume.
        verifier: the public key that must have signed it; None: signatures cannot be checked.
        anchors: checkpoints of this volume that were kept elsewhere.
    """
    report = VolumeReport(path)
    try:
        with open_volume(path) as volume:
            _verify(volume, verifier, anchors, report)
    except TrailUnavailable as error:
        bad = report.unverifiable if not path.exists() or "locked" in str(error) else report.tampered
        bad(path.name, f"cannot be read, it is damaged or was changed: {error}")
    return report


def _verify(volume: Volume, verifier: Verifier | None, anchors: Sequence[Checkpoint], report: VolumeReport) -> None:
    head = volume.head()
    expected = _expected(volume, head.origin, verifier, anchors, report)
    tree, previous = GrowingTree(), NO_PREVIOUS
    for row in volume.rows(up_to=head.size):
        leaf = leaf_hash(row[8] if isinstance(row[8], bytes) else str(row[8]).encode())
        _check_row(row, tree.size + 1, previous, report)
        if len(report.findings) >= MOST_FINDINGS:
            report.tampered(volume.path.name, "and more; the rest was not read")
            return
        tree.append(leaf)
        previous = leaf.hex()
        if tree.size in expected:
            _check_root(tree.edge(), expected.pop(tree.size), report)
    report.size = tree.size
    for size, sources in expected.items():
        report.tampered(volume.path.name, f"truncated: {sources[0][0]} says {size} events, there are {tree.size}")
    _check_tail(volume, tree.size, report)


Expected = dict[int, list[tuple[str, bytes]]]
"""Roots by size of the tree, each with who says so."""


def _expected(
    volume: Volume, origin: str, verifier: Verifier | None, anchors: Sequence[Checkpoint], report: VolumeReport
) -> Expected:
    expected: Expected = {}
    head = volume.head()
    notes = [("a kept checkpoint", note) for _, note in volume.checkpoints()]
    notes += [("the head", head.note)] if head.note else []
    for what, note in notes:
        try:
            checkpoint = verifier.open(note) if verifier else read_checkpoint(note)
        except NoteError as error:
            report.tampered(volume.path.name, f"{what} is not as it was signed: {error}")
            continue
        if checkpoint.origin != origin or not origin.endswith("/" + log_id(volume.path)):
            report.tampered(volume.path.name, f"{what} is of another trail, {checkpoint.origin}")
            continue
        expected.setdefault(checkpoint.size, []).append((what, checkpoint.root))
        report.checkpoints += 1
        report.checkpoint = checkpoint
        report.signed = max(report.signed, checkpoint.size)
    for anchor in anchors:
        expected.setdefault(anchor.size, []).append(("the remote anchor", anchor.root))
        report.anchors += 1
    if verifier is None:
        report.unverifiable(volume.path.name, "there is no public key to check its signatures with")
    return expected


def _check_row(row: tuple[Any, ...], seq: int, previous: str, report: VolumeReport) -> None:
    if row[0] != seq:
        report.tampered(f"event {seq}", f"is missing: event {row[0]} follows event {seq - 1}")
    try:
        body = from_json(row[8])
        fields = _FIELDS(body)
        chained, kind, data = body["prev"], body["kind"], body["data"]
        report.kinds[kind] = report.kinds.get(kind, 0) + 1
    except (ValueError, KeyError, TypeError):  # a kind that is no text cannot be counted
        report.tampered(f"event {row[0]}", "its bytes do not read: they were changed")
        return
    if fields != row[:8]:
        wrong = [name for name, a, b in zip(_COLUMNS, fields, row, strict=False) if a != b]
        report.tampered(f"event {row[0]}", f"the stored {', '.join(wrong)} are not those of its bytes")
    if chained != previous:
        report.tampered(f"event {row[0] - 1}", f"was changed, moved or removed: event {row[0]} is chained to another")
    if not isinstance(data, dict):
        report.tampered(f"event {row[0]}", "its particulars do not read: they were changed")
        return
    if seq == 1:
        report.first = data
    elif kind == "session.recorded" and data.get("sha256"):
        report.recordings[str(data.get("file"))] = str(data["sha256"])
    elif kind == RETIRED:
        report.retired |= {str(one.get("log")): one for one in _retired(data)}
    elif kind == "target.call" and data.get("request_id") and not body.get("drill"):
        report.calls.append(Call(row[0], *(str(data.get(name)) for name in ("target", "request_id", "answered_at"))))


def _retired(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The volume that an event retires, and those before it that it passes on."""
    earlier = data.get("earlier")
    return [data, *(one for one in (earlier if isinstance(earlier, list) else []) if isinstance(one, Mapping))]


def _check_root(edge: Edge, roots: list[tuple[str, bytes]], report: VolumeReport) -> None:
    root = edge.root()
    for source, expected in roots:
        if root != expected:
            report.tampered(f"event {edge.size} or before", f"was changed: the tree is not the one that {source} signs")


def _check_tail(volume: Volume, size: int, report: VolumeReport) -> None:
    if size == 0:
        report.tampered(volume.path.name, "has no events")
    elif report.signed < size:
        report.unverifiable(f"events {report.signed + 1} to {size}", "are not covered by a signature")


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
