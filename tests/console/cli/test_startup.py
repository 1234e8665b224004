"""What starting costs, and which layers may know of which: seen in processes of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HEAVY = {"pydantic", "asyncio", "textual", "rich", "boto3", "botocore", "kubernetes", "ldclient", "aiohttp", "keyring"}
COMMANDS = ["agents", "app", "demo", "halt", "plan", "restore", "resume", "simulator", "status"]


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after running some code."""
    script = (
        f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return {name.partition(".")[0] for name in done.stderr.splitlines()}


def test_version_loads_nothing_heavy() -> None:
    assert not loaded_by("from killswitch_console.cli.main import main; main(['--version'])") & HEAVY


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_loads_no_sdk(command: str) -> None:
    loaded = loaded_by(f"from killswitch_console.cli.main import main; main([{command!r}, '--help'])")
    assert not loaded & (HEAVY - {"asyncio"})


def test_the_engine_loads_neither_screen_nor_sdk() -> None:
    loaded = loaded_by("import killswitch_console.halting.engine, killswitch_console.halting.thread")
    assert not loaded & (HEAVY - {"pydantic", "asyncio"})


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Check the layers of a tree as ``make test`` does."""
    tool = Path(sys.executable).with_name("lint-imports")
    paths = [str(root / folder) for folder in ("console", "backends", "inventory")]
    script = f"import sys; sys.path[:0] = {paths!r}; from importlinter.cli import lint_imports_command as c; c()"
    assert tool.exists()
    return subprocess.run(
        [sys.executable, "-c", script, "--no-cache", "--config", str(root / "pyproject.toml")],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_layer_check_fails_when_the_engine_imports_textual(tmp_path: Path) -> None:
    for folder in ("console", "backends", "inventory"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    kept = lint_imports(tmp_path)
    assert kept.returncode == 0, kept.stdout + kept.stderr
    engine = tmp_path / "console/killswitch_console/halting/engine.py"
    engine.write_text(engine.read_text() + "\nfrom textual.app import App  # noqa\n")
    broken = lint_imports(tmp_path)
    assert broken.returncode == 1
    assert "killswitch_console.halting.engine -> textual" in broken.stdout
