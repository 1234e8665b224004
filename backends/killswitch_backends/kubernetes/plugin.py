"""Runs the exec plugins of kubeconfigs (client.authentication.k8s.io) for the official loader.

The official runner lends the plugin our terminal, has no time limit and logs failures instead of raising them. Here a
plugin never reads the terminal that the console paints on, is killed when it takes too long, and its failure is told.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from killswitch_backends.kubernetes.failures import one_line
from killswitch_backends.kubernetes.official import Official
from killswitch_backends.kubernetes.records import items, mapping, text
from killswitch_backends.outside import parsed

PLUGIN_SECONDS = 20.0
_LONGEST_NAME = 200
MOST_BYTES = 2**20
"""Of a plugin's answer, and of its complaints: a credential is a few kilobytes."""


class PluginFailed(Exception):
    """A plugin gave no credentials; the message is one line without secrets."""


def loader_for(official: Official, paths: str, context: str | None) -> Any:
    """The official kubeconfig loader over one or several joined paths, with this module's way to run plugins."""
    library = official.kube_config

    base: Any = library.KubeConfigLoader

    class Loader(base):  # type: ignore[misc]  # the library is untyped
        async def load_from_exec_plugin(self) -> bool:
            expiry = getattr(self, "exec_plugin_expiry", None)
            if expiry and datetime.now(UTC) < expiry - library.EXPIRY_SKEW_PREVENTION_DELAY:
                return True
            node = self._user["exec"]
            status = await run(node.value, directory=Path(node.path).parent)
            if expiration := text(status.get("expirationTimestamp")):
                self.exec_plugin_expiry = library.parse_rfc3339(expiration)
            if token := text(status.get("token")):
                self.token = f"Bearer {token}"
            if text(status.get("clientCertificateData")) and text(status.get("clientKeyData")):
                self.cert_file = _as_file(library, status, "clientCertificateData")
                self.key_file = _as_file(library, status, "clientKeyData")
            elif not token:
                raise PluginFailed(f"{_shown(node.value.get('command'))} answered without a token or a certificate")
            return True

    return Loader(library.KubeConfigMerger(paths).config, active_context=context, config_base_path=None)


def _as_file(library: Any, status: Mapping[str, Any], key: str) -> Any:
    return library.FileOrData(status, None, data_key_name=key, base64_file_content=False).as_file()


async def run(config: Mapping[str, Any], *, directory: Path) -> Mapping[str, Any]:
    """Run one plugin and read the status it answers.

    Args:
        config: the ``exec`` part of a kubeconfig's user.
        directory: of the kubeconfig; a command with a relative path is relative to it.

    Raises:
        PluginFailed: when it cannot be run, fails, takes too long, or answers something else.
    """
    command, version = text(config.get("command")), text(config.get("apiVersion"))
    name = _shown(command)
    if config.get("interactiveMode") == "Always":
        raise PluginFailed(f"{name} wants a terminal (interactiveMode Always); log in with it first")
    program = str(directory / command) if "/" in command else command
    info = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    extra = {text(item.get("name")): text(item.get("value")) for item in items(config.get("env"))}
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *(str(word) for word in config.get("args") or ()),
            env={**os.environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(info)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # it has no terminal to ask on, and can be killed with all that it started
        )
    except (OSError, ValueError) as error:
        raise PluginFailed(f"{name} cannot be run: {one_line(str(error))}") from None
    output = await _finished(process, name)
    try:
        answer = mapping(parsed(output))
    except ValueError:
        raise PluginFailed(f"{name} answered something that is not JSON") from None
    if answer.get("apiVersion") != version:
        raise PluginFailed(f"{name} answered another version than {_shown(version)}")
    return mapping(answer.get("status"))


def _shown(word: Any) -> str:
    """A word of a kubeconfig in a line for a person: one line, and not a long one."""
    return " ".join(str(word)[:_LONGEST_NAME].split())


async def _finished(process: asyncio.subprocess.Process, command: str) -> bytes:
    """The output of a plugin that ended well; one that does not end in time, or says too much, is killed."""
    assert process.stdout is not None  # noqa: S101  (both are pipes; for the type checker)
    assert process.stderr is not None  # noqa: S101
    try:
        async with asyncio.timeout(PLUGIN_SECONDS):
            output, errors = await asyncio.gather(_all(process.stdout), _all(process.stderr))
            await process.wait()
    except TimeoutError:
        raise PluginFailed(f"{command} took over {PLUGIN_SECONDS:g} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if len(output) > MOST_BYTES:
        raise PluginFailed(f"{command} answered with more than {MOST_BYTES // 2**10} KiB")
    if process.returncode:
        words = one_line(errors.decode("utf-8", "replace")) or f"exit code {process.returncode}"
        raise PluginFailed(f"{command} failed: {words}")
    return output


async def _all(stream: asyncio.StreamReader) -> bytes:
    """What comes, and one byte more than it may be at most: the rest is read, so that it can end, and let go."""
    kept = bytearray()
    while some := await stream.read(2**16):
        kept += some[: MOST_BYTES + 1 - len(kept)]
    return bytes(kept)
