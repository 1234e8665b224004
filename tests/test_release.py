"""What is released: the same bytes wherever it is built, complete, clean, and startable from the wheel alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from killswitch_console.checking.concerns import installed
from killswitch_console.cli.completion import SHELLS, script
from killswitch_console.cli.manual import manual
from killswitch_console.version import __version__

ROOT = Path(__file__).parents[1]
PACKAGES = ("console/killswitch_console", "backends/killswitch_backends", "inventory/killswitch_inventory")
CARRIED = {".tcss", ".toml", ".html", ".css", ".js", ".py", ".json", ".typed"}


def build(source: Path, into: Path, *targets: str, **environment: str) -> list[Path]:
    command = [sys.executable, "-m", "hatchling", "build", *(f"-t{target}" for target in targets), "-d", str(into)]
    dated = os.environ | {"SOURCE_DATE_EPOCH": "1700000000"} | environment
    subprocess.run(command, cwd=source, env=dated, check=True, capture_output=True, timeout=120)
    assert sorted(path.name for path in into.iterdir() if path.is_dir()) == [], (
        "something was left beside what was built"
    )
    return sorted(into.iterdir())


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source archive and the wheel."""
    archive, wheel = sorted(
        build(ROOT, tmp_path_factory.mktemp("dist"), "sdist", "wheel"), key=lambda path: path.suffix
    )
    return archive, wheel


def test_the_archive_builds_the_same_wheel_in_another_folder(released: tuple[Path, Path], tmp_path: Path) -> None:
    archive, wheel = released
    with tarfile.open(archive) as sources:
        sources.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    before = os.umask(0o077)
    try:
        (again,) = build(unpacked, tmp_path / "dist", "wheel", TZ="Pacific/Kiritimati", LC_ALL="C")
    finally:
        os.umask(before)
    assert again.read_bytes() == wheel.read_bytes()


def test_the_archive_has_the_sources_and_nothing_else(released: tuple[Path, Path]) -> None:
    with tarfile.open(released[0]) as sources:
        held = {name.partition("/")[2] for name in sources.getnames()}
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    there = {name for name in kept if (ROOT / name).is_file() and not name.startswith(".ci/")}
    new = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    others = {line[3:] for line in new.stdout.splitlines() if line.startswith("??")}
    assert sorted(there - held) == []
    assert held - there - others == {"PKG-INFO"}


def test_the_wheel_has_all_that_an_installation_needs(released: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(released[1]) as wheel:
        held = {name.partition(".data/data/")[2] or name: name for name in wheel.namelist()}
        assert wheel.read(held["share/man/man1/killswitch-console.1"]).decode() == manual()
        assert wheel.read(held["share/bash-completion/completions/killswitch-console"]).decode() == script("bash")
        assert sum(name.startswith("share/") for name in held) == 1 + len(SHELLS)
        (metadata,) = (name for name in held if name.endswith(".dist-info/METADATA"))
        assert f"\nVersion: {__version__}\n" in wheel.read(metadata).decode()
    files = {
        str(path.relative_to((ROOT / package).parent))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in CARRIED and "__pycache__" not in path.parts
    }
    assert sorted(files - held.keys()) == []
    assert not [name for name in held if "__pycache__" in name or name.startswith("tests/")]


def test_the_wheel_starts_and_says_what_is_installed(released: tuple[Path, Path], tmp_path: Path) -> None:
    zipfile.ZipFile(released[1]).extractall(tmp_path)
    code = "import sys; from killswitch_console.cli.main import main; sys.exit(main())"

    def said(*words: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "-c", code, *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert said("--version") == f"killswitch-console {__version__}\n"
    assert "RUNBOOK" in said("runbook")
    locked = (tmp_path / "killswitch_console" / "locked.txt").read_text().split()
    assert f"killswitch-console {__version__}, Python" in installed.in_words()
    development = (ROOT / "requirements" / "development.txt").read_text()
    assert all(re.search(rf"^{re.escape(pin.removesuffix('?'))} ", development, re.MULTILINE) for pin in locked)
    assert [finding.standing for finding in installed.packages(tmp_path / "killswitch_console" / "locked.txt")] == [
        "ok"
    ]


def test_what_differs_from_the_lock_is_told(tmp_path: Path) -> None:
    lock = tmp_path / "locked.txt"
    lock.write_text("textual==0.1\nno-such-package==1.0\nonly-elsewhere==2.0?\n")
    assert [(f.subject, f.standing) for f in installed.packages(lock)] == [
        ("textual", "warning"),
        ("no-such-package", "problem"),
    ]


def test_the_version_is_written_in_one_place() -> None:
    written = re.compile(rf"""["' =]{re.escape(__version__)}["'\s]""")
    names = subprocess.run(["git", "ls-files", "*.py", "*.toml"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = [
        name
        for name in names.stdout.splitlines()
        if not name.startswith("tests/")
        and (ROOT / name).is_file()
        and re.search(rf"__version__ = |^version = {written.pattern}", (ROOT / name).read_text(), re.MULTILINE)
    ]
    assert found == ["console/killswitch_console/version.py"]


def test_the_bill_of_materials_is_completed_and_valid(released: tuple[Path, Path], tmp_path: Path) -> None:
    parts = [("textual", "8.2.8"), ("idna", "3.20")]
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"bom-ref": "root", "type": "application", "name": "killswitch-console"}},
        "components": [
            {"bom-ref": name, "type": "library", "name": name, "version": version} for name, version in parts
        ],
    }
    path = tmp_path / "bill.json"

    def completed(cwd: Path) -> int:
        path.write_text(json.dumps(bill))
        command = [sys.executable, str(ROOT / "requirements" / "bill-of-materials"), str(path), str(released[1])]
        return subprocess.run(command, cwd=cwd, capture_output=True, timeout=60).returncode

    assert completed(ROOT) == 1, "most of what is needed is not in it"
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["textual>=8.2,<9"]\n')
    assert completed(tmp_path) == 0
    made = json.loads(path.read_text())
    assert made["metadata"]["component"]["purl"] == f"pkg:pypi/killswitch-console@{__version__}"
    assert made["dependencies"] == [{"ref": "root", "dependsOn": ["textual"]}]
