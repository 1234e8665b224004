"""Where the configuration and the state are, before either is read. Light: imported before the first paint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


class ConfigurationError(Exception):
    """The configuration cannot be used; says which file, which key and what was expected."""


class NoConfiguration(ConfigurationError):
    """There is none where one is looked for."""

    def __init__(self, place: Path, looked: str) -> None:
        super().__init__(
            f"no configuration (looked for {looked}): `init` writes a commented example to {place}, "
            "--config FILE names another, and `demo` shows the console without one"
        )
        self.place = place
        """Where this person's belongs."""


def find_configuration(given: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The file to read: ``--config``, else ``$KILLSWITCH_CONFIG``, else the user's, else the machine's.

    Raises:
        NoConfiguration: when none of them exists.
    """
    if given or (given := environ.get("KILLSWITCH_CONFIG")):
        return Path(given).expanduser()
    candidates = [own_place(), Path("/etc/killswitch-console/config.toml")]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    looked = " and ".join(map(str, candidates))
    raise NoConfiguration(candidates[0], looked)


def own_place() -> Path:
    """Where this person's configuration belongs."""
    return _xdg("XDG_CONFIG_HOME", ".config") / "killswitch-console/config.toml"


def state_folder(configuration: Path, given: str | None) -> Path:
    """Where ledger and trail live, by the ``state_dir`` of a configuration; relative paths are relative to the file."""
    if given is None:
        return _xdg("XDG_STATE_HOME", ".local/state") / "killswitch-console"
    whole = configuration.parent / Path(given).expanduser()
    return Path(os.path.abspath(whole))  # noqa: PTH100  (following links would hide who made them: see private.py)


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)
