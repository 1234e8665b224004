"""Puts into the wheel what is made from its sources.

The manual page and the completion scripts, made from the parser that it carries; and the versions that a bastion is
locked to, which ``check`` compares with what is installed.
"""

from __future__ import annotations

import re
import shutil
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

_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*==[^ ;\\]+) *(;?)", re.MULTILINE)
"""One pinned package of the lock, and whether it is for some machines or Pythons only."""


class ManualAndCompletion(BuildHookInterface[Any]):
    """Hatchling finds it by this file's name in ``pyproject.toml``."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files; an editable install has none, its commands print them."""
        if version == "editable":
            return
        made = self._made
        made.mkdir(parents=True, exist_ok=True)
        lock = (Path(self.root) / "requirements" / "bastion.txt").read_text(encoding="ascii")
        pins = [pin + ("?" if some else "") for pin, some in _PIN.findall(lock)]
        (made / "locked.txt").write_text("\n".join(pins) + "\n", encoding="ascii")
        build_data["force_include"][str(made / "locked.txt")] = "killswitch_console/locked.txt"
        for name, text in self._texts().items():
            (made / name).write_text(text, encoding="utf-8")
            build_data["shared_data"][str(made / name)] = SHARED[name]

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing beside the wheel."""
        del version, build_data, artifact_path
        shutil.rmtree(self._made, ignore_errors=True)

    @property
    def _made(self) -> Path:
        return Path(self.directory) / "shared"

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
