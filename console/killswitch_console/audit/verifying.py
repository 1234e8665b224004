"""Is one volume of the trail whole and unchanged? Says which event, and what is wrong with it.

One pass in constant memory: order, chain, the searchable columns against the signed bytes, the tree against every
signed checkpoint and against what was anchored elsewhere. How volumes follow each other is ``continuity.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from killswitch_console.audit.events import NO_PREVIOUS
from killswitch_console.audit.findings import MOST_FINDINGS, Call, VolumeReport
from killswitch_console.audit.merkle import Edge, GrowingTree, leaf_hash
from killswitch_console.audit.notes import Checkpoint, NoteError, Verifier, read_checkpoint
from killswitch_console.audit.reading import Volume, open_volume
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.volumes import log_id

RETIRED: Final = "trail.retired"
"""The kind of event that tells of a volume that retention removed."""

_COLUMNS: Final = ("seq", "id", "at", "kind", "session", "actor", "halt", "incident")
_FIELDS: Final = itemgetter(*_COLUMNS)


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
