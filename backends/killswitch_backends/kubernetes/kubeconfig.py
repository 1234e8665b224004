"""Is a kubeconfig one that can be read in bounded time and memory? Looked at before the official loader gets it.

That loader writes every entry out as text, so a few lines of aliases that name each other (a "billion laughs") would
keep it busy for ever. Nothing here says what is in the file: it holds secrets.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

MOST_BYTES: Final = 4 * 2**20
"""Of one file: some hundred clusters with their certificates."""

MOST_VALUES: Final = 100_000
"""That a file may come to once its aliases are written out."""


class Unsound(Exception):
    """A file that is not read; says why, without any of its content."""


def check(paths: str, yaml: Any) -> None:
    """See that every file of a joined path can be read within bounds. Blocks.

    Args:
        paths: as in ``$KUBECONFIG``.
        yaml: PyYAML, as the official client has imported it.

    Raises:
        Unsound: one cannot.
        yaml.YAMLError: one is no YAML.
        OSError: one cannot be read.
    """
    for part in paths.split(os.pathsep):
        path = Path(part).expanduser()
        if part and path.is_file():
            _check(path, yaml)


def _check(path: Path, yaml: Any) -> None:
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Unsound(f"is larger than {MOST_BYTES // 2**20} MiB")
    if b"&" not in content or b"*" not in content:
        return  # no aliases: what is read is no larger than what is written
    try:
        values = _values(yaml.compose(content, yaml.SafeLoader), {})
    except RecursionError:
        raise Unsound("is nested too deeply, or within itself") from None
    if values > MOST_VALUES:
        raise Unsound("has aliases that multiply what is in it")


def _values(node: Any, counted: dict[int, int]) -> int:
    """How many values a node comes to with every alias written out."""
    if id(node) not in counted:
        inner = getattr(node, "value", None)
        parts = inner if isinstance(inner, list) else []
        flat = [one for part in parts for one in (part if isinstance(part, tuple) else (part,))]
        counted[id(node)] = 1 + sum(_values(one, counted) for one in flat)
    return counted[id(node)]
