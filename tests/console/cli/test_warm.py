"""Commands that tests run are forked from a process that imported everything: it must have, or each imports anew."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from warm import process


def test_a_forked_process_has_everything_and_nothing_of_the_tests_surroundings(tmp_path: Path) -> None:
    child = process(_tell, str(tmp_path / "told"))
    child.start()
    child.join(60)
    told = (tmp_path / "told").read_text().split()
    assert "boto3" in told
    assert "killswitch_console.cli.commands.halt" in told
    assert "PYTHONPATH" not in told


def _tell(file: str) -> None:
    Path(file).write_text("\n".join([*sys.modules, *os.environ]))
