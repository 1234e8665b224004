"""What the cluster's audit log says of recorded calls, where its file can be read (``audit_log`` of the table).

The API server writes one JSON event per line (audit.k8s.io/v1) and answers with its id, which the audit trail keeps as
the request id. On a managed cluster the log is in the cloud's log store; export it to a file. Reading blocks: a thread
does it.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from killswitch_backends.kubernetes.records import mapping, text
from killswitch_backends.kubernetes.resources import ObjectKey
from killswitch_backends.outside import parsed
from killswitch_backends.problems import Unreachable
from killswitch_backends.recalling import Recalled, RecordedCall, Word, apart


def recalled(log: Path, calls: Sequence[RecordedCall]) -> list[Recalled]:
    """What a log and its rotated parts (``audit-2027-01-15T08-00-00.000.log``, ``.gz``) say of some calls.

    Raises:
        Unreachable: none of it can be read.
    """
    wanted = {call.request_id for call in calls}
    found: dict[str, Mapping[str, Any]] = {}
    first: datetime | None = None
    last: datetime | None = None
    for event in _events(log):
        at = _at(event)
        if at is not None:
            first, last = min(first or at, at), max(last or at, at)
        if (audit_id := text(event.get("auditID"))) in wanted and event.get("stage") == "ResponseComplete":
            found[audit_id] = event
    return [_said(call, found.get(call.request_id), first, last) for call in calls]


def _events(log: Path) -> Iterator[Mapping[str, Any]]:
    """Every event of a log; lines that do not read (the one being written, above all) are passed over."""
    try:
        for path in _parts(log):
            with _opened(path) as lines:
                yield from _read(lines)
    except (OSError, EOFError) as error:
        raise Unreachable(str(log), f"the cluster's audit log cannot be read: {error}") from error


def _parts(log: Path) -> list[Path]:
    """The log itself, and what was rotated away from it."""
    rotated = sorted(log.parent.glob(f"{log.stem}-*{log.suffix}*")) if log.parent.is_dir() else []
    return [*rotated, log]


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _read(lines: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        try:
            event = parsed(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def _at(event: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(text(event.get("requestReceivedTimestamp")))
    except ValueError:
        return None


def _said(
    call: RecordedCall, event: Mapping[str, Any] | None, first: datetime | None, last: datetime | None
) -> Recalled:
    if event is None:
        return _missing(call, first, last)
    code = mapping(event.get("responseStatus")).get("code")
    who = text(mapping(event.get("user")).get("username")) or "somebody"
    if isinstance(code, int) and code >= 400:
        return Recalled(call, Word.CONTRADICTED, f"the cluster's audit log says that it was refused: {code}")
    if not _speaks_of(event, ObjectKey.of(call.target)):
        return Recalled(call, Word.CONTRADICTED, f"the cluster's audit log says that it was {_object(event)}")
    at = _at(event)
    if at is not None and (difference := apart(call, at)):
        return Recalled(call, Word.CONTRADICTED, f"the cluster's audit log says that {difference}")
    return Recalled(call, Word.CONFIRMED, f"{text(event.get('verb'))} by {who}")


def _missing(call: RecordedCall, first: datetime | None, last: datetime | None) -> Recalled:
    """A file says nothing of the time before its first line, and a copy nothing of the time after its last."""
    if first is None or last is None:
        return Recalled(call, Word.UNREADABLE, "there is no event in the cluster's audit log")
    if call.at < first:
        return Recalled(call, Word.UNREADABLE, f"the cluster's audit log begins at {first:%Y-%m-%dT%H:%M:%SZ}")
    if call.at > last:
        return Recalled(call, Word.LATE, f"the cluster's audit log ends at {last:%Y-%m-%dT%H:%M:%SZ}")
    return Recalled(call, Word.ABSENT, "the cluster's audit log does not know it")


def _speaks_of(event: Mapping[str, Any], key: ObjectKey) -> bool:
    about = mapping(event.get("objectRef"))
    return (about.get("namespace"), about.get("name")) == (key.namespace, key.name)


def _object(event: Mapping[str, Any]) -> str:
    about = mapping(event.get("objectRef"))
    parts = (text(about.get(name)) or "-" for name in ("resource", "namespace", "name"))
    return f"{text(event.get('verb'))} of {'/'.join(parts)}"
