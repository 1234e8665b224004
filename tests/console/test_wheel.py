"""What is in the wheel besides code: the page, the manual, the completion, the styles."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from killswitch_console.cli.completion import SHELLS, script
from killswitch_console.cli.manual import manual

ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_has_all_that_an_installation_needs(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(file) as wheel:
        held = {name.partition(".data/data/")[2] or name: name for name in wheel.namelist()}
        assert wheel.read(held["share/man/man1/killswitch-console.1"]).decode() == manual()
        bash = held["share/bash-completion/completions/killswitch-console"]
        assert wheel.read(bash).decode() == script("bash")
        assert sum(name.startswith("share/") for name in held) == 1 + len(SHELLS)
        for package in ("console", "backends", "inventory"):
            for path in (ROOT / package).rglob("*"):
                wanted = (
                    path.suffix in (".tcss", ".toml", ".html", ".css", ".js", ".py") and "__pycache__" not in path.parts
                )
                if wanted and path.parent != ROOT / package:
                    assert str(path.relative_to(ROOT / package)) in held, path
