"""Verify an exported evidence bundle with nothing but Python 3.9+ and (for signatures) `cryptography`.

    python3 verify.py BUNDLE.zip [--key NAME+HASH+KEY]
    python3 verify.py DIRECTORY [--key NAME+HASH+KEY]

Compare the key with one that you got elsewhere, or give that one with --key. Exit codes: 0 whole, 4 cannot be verified
(no `cryptography`, nothing signed), 5 tampered. This file is part of killswitch-console and goes into every bundle; it
imports nothing of it, so that a reviewer can read all there is to trust.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

WHOLE, UNVERIFIABLE, TAMPERED = 0, 4, 5

MOST_BYTES = 2**31
"""Of one file of a bundle: a small zip may claim any size."""

Read = Callable[[str], bytes]
"""Gives the bytes of one file of the bundle."""

Key = tuple[str, bytes, bytes]
"""Name, id and public key."""


class Problem(Exception):
    """What is wrong."""


class TooLarge(Exception):
    """It cannot be looked at here."""


def say(text: str) -> None:
    """One line for the reviewer; nothing that a bundle says moves the cursor or hides."""
    print("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))  # noqa: T201  (a script of its own)


def decoded(content: bytes, where: str, **parts: type) -> dict[str, Any]:
    """JSON as an object that has these parts, each of its type."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise Problem(f"{where}: does not read, it was changed") from None
    return shaped(value, where, **parts)


def shaped(value: Any, where: str, **parts: type) -> dict[str, Any]:
    """A value of JSON, if it is an object that has these parts, each of its type."""
    if not isinstance(value, dict) or any(type(value.get(name)) is not kind for name, kind in parts.items()):
        raise Problem(f"{where}: does not read, it was changed")
    return value


def leaf_hash(body: bytes) -> bytes:
    """RFC 6962: the hash of one event."""
    return hashlib.sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962: the hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of_proof(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        raise Problem("a proof names a place outside the tree")
    first, last, root = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise Problem("a proof is too long")
        if first & 1 or first == last:
            root = node_hash(step, root)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            root = node_hash(root, step)
        first, last = first >> 1, last >> 1
    if last:
        raise Problem("a proof is too short")
    return root


def parse_key(text: str) -> Key:
    """A verifier key NAME+HASH+BASE64 (C2SP signed-note, Ed25519)."""
    try:
        name, key_id, encoded = text.strip().split("+", 2)
        key = base64.b64decode(encoded)
    except ValueError:
        raise Problem("the key does not read: expected NAME+HASH+KEY") from None
    if key[:1] != b"\x01" or len(key) != 33:
        raise Problem("the key is not an Ed25519 verifier key")
    if hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() != key_id:
        raise Problem("the key's hash does not match the key")
    return name, bytes.fromhex(key_id), key[1:]


def open_note(note: str, key: Key) -> tuple[str, int, bytes]:
    """(origin, size, root) of a signed checkpoint."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    name, key_id, public = key
    text, blank, rest = note.partition("\n\n")
    text += "\n"
    lines = text.split("\n")
    if not blank or len(lines) != 4:
        raise Problem("a checkpoint does not read")
    for line in rest.splitlines():
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014" or parts[1] != name:
            continue
        signature = base64.b64decode(parts[2])
        if signature[:4] != key_id:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], text.encode())
        except InvalidSignature:
            raise Problem("a checkpoint's signature is not good") from None
        return lines[0], int(lines[1]), base64.b64decode(lines[2])
    raise Problem("a checkpoint is not signed by this key")


def check_file_list(read: Read, names: list[str]) -> None:
    """The manifest names every file with its hash."""
    listed: dict[str, str] = {}
    seen: set[str] = set()
    for line in read("manifest.sha256").decode().splitlines():
        digest, _, name = line.partition("  ")
        if name in listed:
            raise Problem(f"{name} is twice in the manifest")
        listed[name] = digest
    for name in names:
        if name in seen:
            raise Problem(f"{name} is twice in it: other programs may show another than this one")
        seen.add(name)
        if name not in ("manifest.sha256", *listed) and not name.endswith("/"):
            raise Problem(f"{name} is not in the manifest")
    for name, digest in listed.items():
        if name not in names:
            raise Problem(f"{name} is missing")
        if hashlib.sha256(read(name)).hexdigest() != digest:
            raise Problem(f"{name} is not as it was exported")


def check_events(read: Read, log: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Each event's bytes lead to the signed root; events that follow each other are chained. The events and proofs."""
    proofs = decoded(read(log["proofs"]), log["proofs"], size=int, root=str, whole=bool, events=list)
    lines = read(log["events"]).split(b"\n")[:-1]
    if len(lines) != len(proofs["events"]):
        raise Problem(f"{log['events']}: {len(lines)} events, but {len(proofs['events'])} proofs")
    events, before, leaf = [], 0, b""
    for line, given in zip(lines, proofs["events"]):  # noqa: B905  (Python 3.9; the lengths were compared)
        proof = shaped(given, log["proofs"], seq=int, path=list)
        seq = proof["seq"]
        body = decoded(line, f"event {seq}", seq=int, prev=str, kind=str, data=dict)
        if body["seq"] != seq:
            raise Problem(f"event {seq}: another event, {body['seq']}, is in its place")
        if seq <= before:
            raise Problem(f"event {seq}: comes after event {before}")
        if before and before + 1 == seq and body["prev"] != leaf.hex():
            raise Problem(f"event {seq}: is not chained to event {before}")
        leaf, before = leaf_hash(line), seq
        path = [bytes.fromhex(str(step)) for step in proof["path"]]
        if root_of_proof(leaf, seq - 1, proofs["size"], path).hex() != proofs["root"]:
            raise Problem(f"event {seq}: was changed, it is not in the signed tree")
        events.append(body)
    if proofs["whole"] and len(events) != proofs["size"]:
        raise Problem(f"{log['events']}: said to be whole, but events are missing")
    return events, proofs


def check_log(read: Read, log: dict[str, Any], key: Key) -> tuple[int, list[dict[str, Any]]]:
    """One volume: its events, its proofs, its signed checkpoint."""
    events, proofs = check_events(read, log)
    try:
        origin, size, root = open_note(read(log["checkpoint"]).decode(), key)
    except ImportError:
        say("  the signature was NOT checked: `cryptography` is not installed")
        return UNVERIFIABLE, events
    if (origin, size, root.hex()) != (log["origin"], proofs["size"], proofs["root"]):
        raise Problem(f"{log['checkpoint']}: signs another tree")
    part = "all" if proofs["whole"] else f"{len(events)} of"
    say(f"  {log['origin']}: {part} {size} events, root {root.hex()[:16]}, signed by {key[0]}")
    return WHOLE, events


def check_recordings(read: Read, names: list[str], events: list[dict[str, Any]]) -> list[str]:
    """What the sessions showed is what they signed at their ends; which of the recordings none speaks for."""
    told = {str(e["data"].get("file")): e["data"].get("sha256") for e in events if e["kind"] == "session.recorded"}
    unsigned = []
    for path in names:
        folder, _, name = path.rpartition("/")
        if folder == "recordings" and told.get(name) is None:
            unsigned.append(path)
        elif folder == "recordings" and hashlib.sha256(read(path)).hexdigest() != told[name]:
            raise Problem(f"{path} was changed since its session ended")
    return unsigned


MADE_OF_THEM = ("timeline.html", "ocsf.jsonl", "events.csv")
"""Files that show the events and that nobody signed: `audit export` makes them again."""


def check(read: Read, names: list[str], given: Optional[str]) -> int:  # noqa: UP045  (Python 3.9)
    """The exit code for a bundle. Raises ``Problem`` where it was tampered with."""
    check_file_list(read, names)
    text = read("verifier-key").decode()
    if given and given.strip() != text.strip():
        raise Problem("it was signed by another key than the one you gave")
    logs = decoded(read("bundle.json"), "bundle.json", logs=list)["logs"]
    if not logs or text.strip() == "none":
        say("  nothing in it is signed")
        return UNVERIFIABLE
    key, worst, events = parse_key(text), WHOLE, []
    for one in logs:
        log = shaped(one, "bundle.json", origin=str, events=str, proofs=str, checkpoint=str)
        code, found = check_log(read, log, key)
        worst = max(worst, code)
        events += found
    unsigned = [*check_recordings(read, names, events), *(name for name in MADE_OF_THEM if name in names)]
    if unsigned:
        say(f"  not signed, only as it was packed: {', '.join(unsigned)}; what counts are the events")
    say(f"  key {text.strip()}" + ("" if given else " (from the bundle itself: compare it with one you trust)"))
    return worst


def verify(read: Read, names: list[str], given: Optional[str] = None) -> int:  # noqa: UP045  (Python 3.9)
    """The exit code for a bundle, and one line that says it."""
    try:
        worst = check(read, names, given)
    except TooLarge as error:
        say(f"CANNOT BE VERIFIED: {error}")
        return UNVERIFIABLE
    except (Problem, ValueError) as error:  # ValueError: bytes that are no text, no hexadecimal, no key
        say(f"TAMPERED: {error}")
        return TAMPERED
    say("WHOLE" if worst == WHOLE else "CANNOT BE VERIFIED")
    return worst


def of_folder(path: Path) -> Read:
    """Reads the files of an unpacked bundle."""

    def read(name: str) -> bytes:
        try:
            if (path / name).stat().st_size > MOST_BYTES:
                raise TooLarge(f"{name} is larger than {MOST_BYTES} bytes")
            return (path / name).read_bytes()
        except FileNotFoundError:
            raise Problem(f"{name} is missing") from None

    return read


def of_archive(archive: zipfile.ZipFile) -> Read:
    """Reads the files of a bundle."""

    def read(name: str) -> bytes:
        try:
            found = archive.getinfo(name)
            if found.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Problem(f"{name}: is packed as no bundle is")
            if found.file_size > MOST_BYTES:
                raise TooLarge(f"{name} is larger than {MOST_BYTES} bytes")
            return archive.read(name)
        except KeyError:
            raise Problem(f"{name} is missing") from None
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            RuntimeError,
        ) as error:  # RuntimeError: it asks for a password
            raise Problem(f"{name}: cannot be unpacked: {error}") from None
        except OSError as error:
            if error.errno != errno.EINVAL:  # a disk that fails is no forgery; a place before the file's beginning is
                raise
            raise Problem(f"{name}: is said to be outside the file") from None

    return read


def verify_export(path: Path, given: Optional[str] = None) -> int:  # noqa: UP045  (Python 3.9)
    """Check a bundle, or the folder that it was unpacked into. Raises ``OSError`` when it cannot be read."""
    if path.is_dir():
        names = [str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()]
        return verify(of_folder(path), names, given)
    try:
        with zipfile.ZipFile(path) as archive:
            return verify(of_archive(archive), archive.namelist(), given)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:  # a directory of files that does not read
        say(f"TAMPERED: {path}: {error}")
        return TAMPERED


def main(arguments: list[str]) -> int:
    """Verify what the command line names."""
    given = None
    if "--key" in arguments[:-1]:
        at = arguments.index("--key")
        given = arguments[at + 1]
        arguments = arguments[:at] + arguments[at + 2 :]
    if len(arguments) != 1:
        say(__doc__ or "")
        return 2
    try:
        return verify_export(Path(arguments[0]), given)
    except OSError as error:
        say(f"CANNOT BE VERIFIED: {error}")
        return UNVERIFIABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
