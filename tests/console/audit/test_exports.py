"""Exports: exact, inert, self-contained; the bundle proves itself to somebody without our package."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import shutil
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from killswitch_console.audit.bundle import write_bundle
from killswitch_console.audit.ocsf import ocsf
from killswitch_console.audit.page import page
from killswitch_console.audit.reading import Selection, selected
from killswitch_console.audit.standalone import main as verify_alone
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.tables import inert, write_csv, write_jsonl
from killswitch_console.audit.volumes import TrailDirectory
from trails import recording, unguarded, verifier_of

HOSTILE = '=HYPERLINK("http://evil")<script>alert(1)</script>\x1b]0;pwned\x07\u202egnp.exe[bold]&amp;\'--'


@pytest.fixture
async def directory(tmp_path: Path) -> TrailDirectory:
    """A trail of one halt with everything that can happen to it, all names hostile."""
    trail = TrailDirectory(tmp_path / "audit")
    target = f"kubernetes:prod/ns/Deployment/{HOSTILE}"
    async with recording(trail) as recorder:
        for kind, data in (
            ("halt.confirmed", {"scope": f"agent:{HOSTILE}", "reason": HOSTILE, "incident": "INC-1", "slo_ms": 30000,
                                "backend_slo_ms": {"kubernetes": 45000}, "untouched": [HOSTILE]}),
            ("halt.intent", {"targets": [{"target": target, "prior": {"replicas": 3}}]}),
            ("target.call", {"target": target, "attempt": 1, "request_id": "req-1", "detail": HOSTILE}),
            ("target.state", {"target": target, "from": "draining", "state": "stopped",
                              "evidence": {"grade": "observed", "detail": HOSTILE, "at": "2027-01-15T08:00:00Z"}}),
            ("target.revived", {"target": target, "from": "stopped", "state": "revived", "note": HOSTILE}),
            ("target.error", {"target": target, "state": "failed", "error": HOSTILE}),
            ("halt.ended", {"verdict": "stopped", "elapsed_ms": 4200, "slo_ms": 30000, "slo_met": True}),
            ("target.state", {"target": target, "from": "stopped", "state": "restored"}),
            ("restore.ended", {"verdict": "restored", "elapsed_ms": 9000}),
            ("action.refused", {"action": "halt", "scope": HOSTILE, "why": HOSTILE}),
        ):  # fmt: skip
            await recorder.require(kind, data, halt_id="h-1")
    return trail


def test_jsonl_is_the_exact_bytes(directory: TrailDirectory) -> None:
    out = io.StringIO()
    count = write_jsonl(selected(directory, Selection()), out)
    events = list(selected(directory, Selection()))
    assert out.getvalue().encode() == b"".join(event.body + b"\n" for event in events)
    assert count == len(events)
    assert out.getvalue().replace("\n", "").isprintable(), "no escape, no bidi control is alive"


def test_no_cell_of_the_table_is_a_formula(directory: TrailDirectory) -> None:
    out = io.StringIO(newline="")
    write_csv(selected(directory, Selection()), out)
    rows = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert len(rows) > 10
    assert not [
        cell for row in rows for cell in row if cell.lstrip(" '\"").startswith(("=", "+", "-", "@")) and cell[0] != "'"
    ]
    assert inert('  "=1+1') == "'  \"=1+1"
    assert inert("@SUM(A1)") == "'@SUM(A1)"
    assert inert("plain") == "plain"


class Markup(HTMLParser):
    """What a browser would see in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.references += [f"{k}={v}" for k, v in attrs if k in ("src", "href", "onerror", "onload", "xlink:href")]


def test_the_page_is_self_contained_and_inert(directory: TrailDirectory) -> None:
    text = page(selected(directory, Selection()), title=HOSTILE, footer=[HOSTILE])
    markup = Markup()
    markup.feed(text)
    assert markup.references == []
    assert not {"script", "link", "iframe", "img", "object"} & markup.tags
    assert {"svg", "table", "h2"} <= markup.tags
    assert "default-src 'none'" in text
    for mark in ('class="slo"', 'class="lane-slo"', 'class="revival"', 'class="restore"', 'class="bar"'):
        assert mark in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_ocsf_isolates_and_restores(directory: TrailDirectory) -> None:
    """Whether they are valid is asked of the schema itself, in ``test_ocsf.py``."""
    documents = list(ocsf(selected(directory, Selection())))
    assert {document["class_uid"] for document in documents} == {6003, 7001}
    assert {document["activity_id"] for document in documents if document["class_uid"] == 7001} == {1, 3}


def alone(folder: Path) -> Path:
    """A folder in which there is `cryptography`, what that needs of its own, and nothing else."""
    site = folder / "site"
    site.mkdir(exist_ok=True)
    for name in ("cryptography", "_cffi_backend"):
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        origin = Path(found.origin)
        origin = origin.parent if origin.name == "__init__.py" else origin
        if not (site / origin.name).exists():
            (site / origin.name).symlink_to(origin)
    return site


def verify_bundle(path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """As a reviewer does: the script of the bundle, none of our packages in sight."""
    script = path.parent / "verify.py"
    with zipfile.ZipFile(path) as archive:
        script.write_bytes(archive.read("verify.py"))
    code = (
        f"import runpy, sys; sys.path.append({str(alone(path.parent))!r})\n"
        f"sys.argv = {['verify.py', str(path), *more]!r}\n"
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    return subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("selection", [Selection(), Selection(halt="h-1"), Selection(kind="target.call")])
def test_a_bundle_proves_itself(directory: TrailDirectory, tmp_path: Path, selection: Selection) -> None:
    out = tmp_path / "bundle.zip"
    assert write_bundle(directory, selection, verifier_of(directory), out) > 0
    done = verify_bundle(out, "--key", str(verifier_of(directory)))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "WHOLE" in done.stdout
    with zipfile.ZipFile(out) as archive:
        names = set(archive.namelist())
    assert {"README.txt", "timeline.html", "ocsf.jsonl", "events.csv", "verifier-key", "manifest.sha256"} <= names


def test_another_key_is_not_taken(directory: TrailDirectory, tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    write_bundle(directory, Selection(), verifier_of(directory), out)
    other = TrailDirectory(tmp_path / "other")
    other.signer()
    assert verify_bundle(out, "--key", str(verifier_of(other))).returncode == 5


def test_any_changed_file_of_a_bundle_is_found(directory: TrailDirectory, tmp_path: Path) -> None:
    out, folder = tmp_path / "bundle.zip", tmp_path / "bundle"
    write_bundle(directory, Selection(halt="h-1"), verifier_of(directory), out)
    with zipfile.ZipFile(out) as archive:
        archive.extractall(folder)
    assert verify_alone([str(folder)]) == 0
    for file in [path for path in folder.rglob("*") if path.is_file()]:
        content = file.read_bytes()
        file.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        assert verify_alone([str(folder)]) == 5, file
        file.write_bytes(content)
    (folder / "added").write_text("more")
    assert verify_alone([str(folder)]) == 5


def refitted(folder: Path) -> None:
    """Make the manifest fit again, as somebody would who changed a file."""
    import hashlib

    names = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "manifest.sha256"]
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder)}\n" for p in names]
    (folder / "manifest.sha256").write_text("".join(lines))


def test_a_forged_event_with_a_fitting_manifest_is_found(directory: TrailDirectory, tmp_path: Path) -> None:
    out, folder = tmp_path / "bundle.zip", tmp_path / "bundle"
    write_bundle(directory, Selection(), verifier_of(directory), out)
    with zipfile.ZipFile(out) as archive:
        archive.extractall(folder)
    (events,) = folder.glob("logs/*/events.jsonl")
    (proofs,) = folder.glob("logs/*/proofs.json")
    exact, proven = events.read_bytes(), proofs.read_text()
    events.write_bytes(exact.replace(b"responder", b"innocents"))
    refitted(folder)
    assert verify_alone([str(folder)]) == 5
    lines = exact.splitlines(keepends=True)
    read: dict[str, Any] = json.loads(proven)
    events.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    proofs.write_text(json.dumps(read | {"events": [*read["events"][:3], *read["events"][4:]]}))
    refitted(folder)
    assert verify_alone([str(folder)]) == 5, "an event left out of what is said to be whole"
    shutil.rmtree(folder)


def test_no_bundle_of_a_changed_trail(directory: TrailDirectory, tmp_path: Path) -> None:
    path = directory.current()
    assert path is not None
    with unguarded(path) as connection:
        connection.execute(
            "UPDATE event SET body = CAST(replace(CAST(body AS TEXT), 'responder', 'innocents') AS BLOB) WHERE seq = 2"
        )
    with pytest.raises(TrailUnavailable, match="was changed"):
        write_bundle(directory, Selection(), verifier_of(directory), tmp_path / "bundle.zip")
