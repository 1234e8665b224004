"""Puts the manual page and the completion scripts into the wheel, made from the parser that the wheel carries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHARED = {
    "killswitch-console.1": "share/man/man1/killswitch-console.1",
    "killswitch-console.bash": "share/bash-completion/completions/killswitch-console",
    "killswitch-console.zsh": "share/zsh/site-functions/_killswitch-console",
    "killswitch-console.fish": "share/fish/vendor_completions.d/killswitch-console.fish",
}
"""What is made, and where it lands in an environment."""


class ManualAndCompletion(BuildHookInterface[Any]):
    """Hatchling finds it by this file's name in ``pyproject.toml``."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files; an editable install has none, its commands print them."""
        if version == "editable":
            return
        made = Path(self.directory) / "shared"
        made.mkdir(parents=True, exist_ok=True)
        for name, text in self._texts().items():
            (made / name).write_text(text, encoding="utf-8")
            build_data["shared_data"][str(made / name)] = SHARED[name]

    def _texts(self) -> dict[str, str]:
        roots = [str(Path(self.root) / folder) for folder in ("console", "backends", "inventory")]
        sys.path[:0] = roots
        try:
            from killswitch_console.cli.completion import SHELLS, script
            from killswitch_console.cli.manual import manual
        finally:
            del sys.path[: len(roots)]
        scripts = {f"killswitch-console.{shell}": script(shell) for shell in SHELLS}
        return {"killswitch-console.1": manual(), **scripts}
