"""Verify an exported evidence bundle with nothing but Python 3.9+ and (for signatures) `cryptography`.

    python3 verify.py BUNDLE.zip [--key NAME+HASH+KEY]
    python3 verify.py DIRECTORY [--key NAME+HASH+KEY]

Compare the key with one that you got elsewhere, or give that one with --key. Exit codes: 0 whole, 4 cannot be verified
(no `cryptography`, nothing signed), 5 tampered. This file is part of killswitch-console and goes into every bundle; it
imports nothing of it, so that a reviewer can read all there is to trust.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

WHOLE, UNVERIFIABLE, TAMPERED = 0, 4, 5

Read = Callable[[str], bytes]
"""Gives the bytes of one file of the bundle."""

Key = tuple[str, bytes, bytes]
"""Name, id and public key."""


class Problem(Exception):
    """What is wrong."""


def say(text: str) -> None:
    """One line for the reviewer."""
    print(text)  # noqa: T201  (a script of its own)


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
    name, key_id, encoded = text.strip().split("+", 2)
    key = base64.b64decode(encoded)
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
    listed = {}
    for line in read("manifest.sha256").decode().splitlines():
        digest, name = line.split("  ", 1)
        listed[name] = digest
    for name in names:
        if name not in ("manifest.sha256", *listed) and not name.endswith("/"):
            raise Problem(f"{name} is not in the manifest")
    for name, digest in listed.items():
        if name not in names:
            raise Problem(f"{name} is missing")
        if hashlib.sha256(read(name)).hexdigest() != digest:
            raise Problem(f"{name} is not as it was exported")


def check_events(read: Read, log: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Each event's bytes lead to the signed root; events that follow each other are chained."""
    proofs = json.loads(read(log["proofs"]))
    lines = read(log["events"]).split(b"\n")[:-1]
    if len(lines) != len(proofs["events"]):
        raise Problem(f"{log['events']}: {len(lines)} events, but {len(proofs['events'])} proofs")
    before = None
    for line, proof in zip(lines, proofs["events"]):  # noqa: B905  (Python 3.9; the lengths were compared)
        try:
            body = json.loads(line)
            seq = body["seq"]
        except (ValueError, KeyError, TypeError):
            raise Problem(f"event {proof['seq']}: does not read, it was changed") from None
        leaf = leaf_hash(line)
        if seq != proof["seq"]:
            raise Problem(f"event {proof['seq']}: another event, {seq}, is in its place")
        if before and before[0] + 1 == seq and body["prev"] != before[1]:
            raise Problem(f"event {seq}: is not chained to event {before[0]}")
        path = [bytes.fromhex(step) for step in proof["path"]]
        if root_of_proof(leaf, seq - 1, proofs["size"], path).hex() != proofs["root"]:
            raise Problem(f"event {seq}: was changed, it is not in the signed tree")
        before = (seq, leaf.hex())
    if proofs["whole"] and [proof["seq"] for proof in proofs["events"]] != list(range(1, proofs["size"] + 1)):
        raise Problem(f"{log['events']}: said to be whole, but events are missing")
    return len(lines), proofs


def check_log(read: Read, log: dict[str, Any], key: Key) -> int:
    """One volume: its events, its proofs, its signed checkpoint."""
    count, proofs = check_events(read, log)
    try:
        origin, size, root = open_note(read(log["checkpoint"]).decode(), key)
    except ImportError:
        say("  the signature was NOT checked: `cryptography` is not installed")
        return UNVERIFIABLE
    if (origin, size, root.hex()) != (log["origin"], proofs["size"], proofs["root"]):
        raise Problem(f"{log['checkpoint']}: signs another tree")
    part = "all" if proofs["whole"] else f"{count} of"
    say(f"  {log['origin']}: {part} {size} events, root {root.hex()[:16]}, signed by {key[0]}")
    return WHOLE


def verify(read: Read, names: list[str], given: Optional[str] = None) -> int:  # noqa: UP045  (Python 3.9)
    """The exit code for a bundle."""
    try:
        check_file_list(read, names)
        text = given or read("verifier-key").decode()
        if given and given.strip() != read("verifier-key").decode().strip():
            raise Problem("it was signed by another key than the one you gave")
        key = parse_key(text)
        worst = WHOLE
        logs = json.loads(read("bundle.json"))["logs"]
        for log in logs:
            worst = max(worst, check_log(read, log, key))
        if not logs:
            say("  nothing in it is signed")
            worst = UNVERIFIABLE
        say(f"  key {text.strip()}" + ("" if given else " (from the bundle itself: compare it with one you trust)"))
    except (Problem, KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        say(f"TAMPERED: {error}")
        return TAMPERED
    say("WHOLE" if worst == WHOLE else "CANNOT BE VERIFIED")
    return worst


def verify_export(path: Path, given: Optional[str] = None) -> int:  # noqa: UP045  (Python 3.9)
    """Check a bundle, or the folder that it was unpacked into. Raises ``OSError`` when it cannot be read."""
    if path.is_dir():
        names = [str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()]
        return verify(lambda name: (path / name).read_bytes(), names, given)
    try:
        with zipfile.ZipFile(path) as archive:
            return verify(archive.read, archive.namelist(), given)
    except zipfile.BadZipFile as error:
        say(f"TAMPERED: {path}: {error}")
        return TAMPERED


def main(arguments: list[str]) -> int:
    """Verify what the command line names."""
    given = None
    if "--key" in arguments:
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
