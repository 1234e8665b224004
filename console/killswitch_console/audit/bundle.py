"""The evidence bundle: a zip that proves itself to somebody who has none of our software.

Exact bytes of the chosen events, for each volume an inclusion proof per event against a signed checkpoint, the public
key, a page to read, OCSF, the recordings of the sessions, and the script that verifies it all. Leaving events out
(redaction) breaks no proof of those that stay.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from killswitch_console import private
from killswitch_console.audit.events import Event
from killswitch_console.audit.merkle import Levels, leaf_hash
from killswitch_console.audit.notes import NoteError, Verifier, read_checkpoint
from killswitch_console.audit.ocsf import ocsf
from killswitch_console.audit.page import page
from killswitch_console.audit.reading import Selection, Volume, open_volume
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.tables import write_csv
from killswitch_console.audit.volumes import TrailDirectory, log_id

_README: Final = """Evidence exported by killswitch-console.

timeline.html       read this first; it prints
verify.py           python3 verify.py .   (needs only Python and, for signatures, `cryptography`)
verifier-key        the public key: compare it with one that you got elsewhere
logs/*/events.jsonl the exact bytes of the events; each names the hash of the one before it
logs/*/proofs.json  why each of them is in the signed tree (RFC 6962)
logs/*/checkpoint   the signed checkpoint (C2SP tlog-checkpoint)
ocsf.jsonl, events.csv   the same events for other tools
recordings/         what the sessions showed (asciicast), where they were recorded
"""


@dataclass(frozen=True, slots=True)
class _Log:
    """What a bundle holds of one volume."""

    volume: Path
    events: list[Event]
    proofs: dict[str, Any]
    note: str
    origin: str


class _Packer:
    """Writes the zip and its manifest."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._digests: list[str] = []

    def add(self, name: str, content: bytes) -> None:
        self._archive.writestr(name, content)
        self._digests.append(f"{sha256(content).hexdigest()}  {name}\n")

    def close(self) -> None:
        self._archive.writestr("manifest.sha256", "".join(self._digests))


def write_bundle(directory: TrailDirectory, selection: Selection, verifier: Verifier | None, out: Path) -> int:
    """Write a bundle; how many events it holds.

    Raises:
        TrailUnavailable: when a volume cannot be read, or holds what its own signatures do not cover.
        OSError: when the file cannot be written.
    """
    logs = [log for path in directory.volumes() if (log := _log(path, selection, verifier)) is not None]
    events = [event for log in logs for event in log.events]
    fd = private.open_output(out)
    with os.fdopen(fd, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        packer = _Packer(archive)
        packer.add("README.txt", _README.encode())
        packer.add("verify.py", files("killswitch_console.audit").joinpath("standalone.py").read_bytes())
        packer.add("verifier-key", f"{verifier}\n".encode() if verifier else b"none\n")
        for log in logs:
            _add_log(packer, log)
        packer.add(
            "bundle.json", _json({"logs": [_names(log) for log in logs if log.note], "selection": str(selection)})
        )
        packer.add("timeline.html", page(events, title=selection.title, footer=_footer(logs, verifier)).encode())
        packer.add("ocsf.jsonl", b"".join(_json(document) for document in ocsf(events)))
        packer.add("events.csv", _csv(events))
        for recording in _recordings(directory, events):
            packer.add(f"recordings/{recording.name}", recording.read_bytes())
        packer.close()
    return len(events)


def _log(path: Path, selection: Selection, verifier: Verifier | None) -> _Log | None:
    """One volume's part: its chosen events, and their proofs against its last signed checkpoint."""
    with open_volume(path) as volume:
        head = volume.head()
        signed = head.edge.size if head.note else 0
        chosen = list(volume.events(selection, up_to=head.size))
        if not chosen:
            return None
        if not signed:
            return _Log(path, chosen, {"size": 0, "root": "", "whole": False, "events": []}, "", head.origin)
        covered = [event for event in chosen if event.seq <= signed]
        levels = Levels(leaf_hash(event.body) for event in volume.events(up_to=signed))
        assert head.note is not None  # noqa: S101  (signed says so; for the type checker)
        _check(volume, head.note, levels, verifier)
        proofs = {
            "size": signed,
            "root": levels.root().hex(),
            "whole": len(covered) == signed,
            "events": [{"seq": e.seq, "path": [s.hex() for s in levels.inclusion(e.seq - 1, signed)]} for e in covered],
        }
        return _Log(path, covered, proofs, head.note, head.origin)


def _check(volume: Volume, note: str, levels: Levels, verifier: Verifier | None) -> None:
    """Never put a trail into a bundle that its own signature contradicts."""
    try:
        checkpoint = verifier.open(note) if verifier else read_checkpoint(note)
    except NoteError as error:
        raise TrailUnavailable(f"{volume.path}: its head is not signed by the trail's key: {error}") from error
    if checkpoint.root != levels.root() or checkpoint.size != levels.size:
        raise TrailUnavailable(f"{volume.path}: was changed since it was signed (audit verify says where)")


def _add_log(packer: _Packer, log: _Log) -> None:
    folder = f"logs/{log_id(log.volume)}"
    packer.add(f"{folder}/events.jsonl", b"".join(event.body + b"\n" for event in log.events))
    packer.add(f"{folder}/proofs.json", _json(log.proofs))
    packer.add(f"{folder}/checkpoint", log.note.encode())


def _names(log: _Log) -> dict[str, str]:
    folder = f"logs/{log_id(log.volume)}"
    return {
        "origin": log.origin,
        "events": f"{folder}/events.jsonl",
        "proofs": f"{folder}/proofs.json",
        "checkpoint": f"{folder}/checkpoint",
    }


def _footer(logs: Sequence[_Log], verifier: Verifier | None) -> list[str]:
    receipts = [f"{log.origin}: {read_checkpoint(log.note).receipt}" for log in logs if log.note]
    return [*receipts, f"verifier key {verifier}"]


def _csv(events: Sequence[Event]) -> bytes:
    text = io.StringIO(newline="")
    write_csv(events, text)
    return text.getvalue().encode()


def _recordings(directory: TrailDirectory, events: Sequence[Event]) -> Iterator[Path]:
    for session in dict.fromkeys(event.fields["session"] for event in events):
        yield from sorted(directory.recordings.glob(f"{session}.cast*"))


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
