"""The configuration reference of the documents: written from the models (``make documents``), compared by a test."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from killswitch_console.example import example

PAGE: Final = Path(__file__).parents[1] / "docs" / "configuration-reference.md"

HEAD: Final = """\
# Configuration reference

Every key, what it means, and its default; made from the models that read the file (`make documents`): it cannot be
wrong. Lines with a `#` before a key show what may be given; the same text is what `killswitch-console init` writes. How
the parts play together: [configuration.md](configuration.md).

"""


def page() -> str:
    """The page as it must be."""
    return f"{HEAD}```toml\n{example().rstrip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
