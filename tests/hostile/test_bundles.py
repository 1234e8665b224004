"""Bundles of a forger whose manifest is right: none is found whole, none breaks or hangs whoever verifies it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile.strategies import JUNK, TEETH, examples, on_the_wire, spoilt
from hostile.trail import zipped
from killswitch_console.audit.standalone import TAMPERED, UNVERIFIABLE, WHOLE, verify_export


@cache
def bundled() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(zipped())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, files: dict[str, bytes], *, listed: bool = True) -> Path:
    """A bundle of these files, with a manifest that is right, as a forger would write it."""
    content = {name: data for name, data in files.items() if name != "manifest.sha256"}
    manifest = "".join(f"{sha256(data).hexdigest()}  {name}\n" for name, data in content.items())
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (content | ({"manifest.sha256": manifest.encode()} if listed else {})).items():
            archive.writestr(name, data)
    return path


_PROOFS = next(name for name in bundled() if name.endswith("proofs.json"))
_LINES = next(name for name in bundled() if name.endswith("events.jsonl"))
_NOTE = next(name for name in bundled() if name.endswith("checkpoint"))


def test_a_bundle_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_export(packed(tmp_path / "b.zip", bundled())) == WHOLE
    assert "not signed, only as it was packed: timeline.html" in capsys.readouterr().out


@examples(60)
@given(st.data())
def test_no_forged_bundle_is_whole(tmp_path: Path, data: st.DataObject) -> None:
    """Its manifest is right, so it is for the proofs and the signature to tell."""
    name = data.draw(st.sampled_from([_PROOFS, "bundle.json", _LINES, _NOTE, "verifier-key"]))
    if name.endswith(".json"):
        place, changed = data.draw(spoilt(json.loads(bundled()[name])))
        content = on_the_wire(changed)
        allowed = place[:1] in (("selection",), ("whole",)) or changed == json.loads(bundled()[name])
    else:
        content = data.draw(st.one_of(st.sampled_from(JUNK), st.binary(max_size=50)))
        allowed = content == bundled()[name]
    code = verify_export(packed(tmp_path / "b.zip", bundled() | {name: content}))
    assert allowed or code in (TAMPERED, UNVERIFIABLE), name


def reordered(files: dict[str, bytes], order: Callable[[list[Any]], list[Any]]) -> dict[str, bytes]:
    proofs = json.loads(files[_PROOFS])
    lines = files[_LINES].split(b"\n")[:-1]
    proofs["events"], lines = order(proofs["events"]), order(lines)
    return files | {_PROOFS: json.dumps(proofs).encode(), _LINES: b"".join(line + b"\n" for line in lines)}


@pytest.mark.parametrize("order", [lambda x: x[::-1], lambda x: [*x, x[-1]], lambda x: [x[1], x[0], *x[2:]]], ids="abc")
def test_events_out_of_order_or_twice_are_found(tmp_path: Path, order: Callable[[list[Any]], list[Any]]) -> None:
    assert verify_export(packed(tmp_path / "b.zip", reordered(bundled(), order))) == TAMPERED


def test_a_name_that_is_twice_in_a_zip_is_found(tmp_path: Path) -> None:
    path = packed(tmp_path / "b.zip", bundled())
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("timeline.html", bundled()["timeline.html"])
    assert verify_export(path) == TAMPERED


def test_a_bomb_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("killswitch_console.audit.standalone.MOST_BYTES", 10_000)
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.sha256", b"\x00" * 1_000_000)
    assert verify_export(tmp_path / "b.zip") == UNVERIFIABLE


def test_a_recording_that_was_changed_is_found(tmp_path: Path) -> None:
    """Its session signed what it showed; the manifest does not matter."""
    from killswitch_console.audit.standalone import Problem, check_recordings

    event = {"kind": "session.recorded", "data": {"file": "S.cast", "sha256": sha256(b"shown").hexdigest()}}
    assert check_recordings(lambda _: b"shown", ["recordings/S.cast"], [event]) == []
    assert check_recordings(lambda _: b"shown", ["recordings/T.cast"], [event]) == ["recordings/T.cast"]
    with pytest.raises(Problem, match="changed since"):
        check_recordings(lambda _: b"other", ["recordings/S.cast"], [event])


@examples(40)
@given(st.one_of(st.sampled_from(JUNK), st.binary(max_size=200)), st.integers(0, 10**6))
def test_a_zip_that_is_junk_is_told(tmp_path: Path, junk: bytes, at: int) -> None:
    (tmp_path / "b.zip").write_bytes(junk)
    assert verify_export(tmp_path / "b.zip") == TAMPERED
    path = packed(tmp_path / "c.zip", bundled())
    content = path.read_bytes()
    at %= len(content)
    path.write_bytes(content[:at] + junk[:20] + content[at + len(junk[:20]) :])
    assert verify_export(path) in (TAMPERED, UNVERIFIABLE, WHOLE)  # a zip has bytes that nobody reads


def test_a_zip_whose_parts_are_before_its_beginning_is_told(tmp_path: Path) -> None:
    """Found by fuzzing: the directory of files says that it begins later than it does."""
    path = packed(tmp_path / "b.zip", bundled())
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x05\x06") + 16
    later = int.from_bytes(content[place : place + 4], "little") + 5_000
    content[place : place + 4] = later.to_bytes(4, "little")
    path.write_bytes(content)
    assert verify_export(path) == TAMPERED


def test_what_a_bundle_says_of_itself_is_not_alive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for teeth in TEETH:
        name = teeth.encode("utf-8", "replace").decode().replace("\x00", "")
        packed(tmp_path / "b.zip", {"manifest.sha256": b"", name or "x": b""}, listed=False)
        verify_export(tmp_path / "b.zip", teeth)
    assert all(c.isprintable() or c == "\n" for c in capsys.readouterr().out)
