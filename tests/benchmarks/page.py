"""``docs/benchmarks.md``: one section for each benchmark, replaced when that one was measured."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.measuring import Row, table

PAGE: Final = Path(__file__).parents[2] / "docs" / "benchmarks.md"

HEAD: Final = """\
# Benchmarks

Written by `make bench`; each section by the last run of that benchmark (`make bench ONLY="name ..."`). Peers are
measured in the same run, on the same machine, so that the ratio means something; client and simulator share its cores.
"""


def updated(page: str, measured: Mapping[str, Sequence[Row]]) -> str:
    """The page with the sections of these benchmarks in place of older ones."""
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    for name, rows in measured.items():
        sections[name] = f"\n{_where()}\n\n{table(rows)}\n\n"
    return HEAD + "\n" + "".join(f"## {name}\n{sections[name]}" for name in sorted(sections)).rstrip() + "\n"


def _where() -> str:
    machine = (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release().partition('-')[0]}"
    )
    return f"{datetime.now(UTC):%Y-%m-%d} · {machine}, Python {platform.python_version()}"
