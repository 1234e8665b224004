"""What is released: the same bytes each time, complete, and startable from the wheel alone."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build(into: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=120)
    (wheel,) = into.glob("*.whl")
    return wheel


def test_a_wheel_is_the_same_bytes_each_time_and_starts(tmp_path: Path) -> None:
    first, second = build(tmp_path / "one"), build(tmp_path / "two")
    assert first.read_bytes() == second.read_bytes()

    installed = tmp_path / "installed"
    zipfile.ZipFile(first).extractall(installed)
    command = [sys.executable, "-c", "import sys; from killswitch_console.cli.main import main; sys.exit(main())"]
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(
        [*command, "runbook"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert "RUNBOOK" in done.stdout

    inside = set(zipfile.ZipFile(first).namelist())
    assert not [name for name in inside if name.startswith("tests/")]
    assert {
        "killswitch_console/drills/scenarios/runaway-refund-agent.toml",
        "killswitch_console/tui/app.tcss",
    } <= inside
