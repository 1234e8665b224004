"""From a kubeconfig (or a pod's service account) to the official client's ``Configuration``, and its renewal.

The official loader does the work: client certificates, tokens, OIDC, merged files; plugin.py runs exec plugins for it.
Its exceptions may quote a kubeconfig, secrets included, so none of them is passed on as it is. No file is written.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from killswitch_backends.kubernetes import kubeconfig
from killswitch_backends.kubernetes.failures import without_data
from killswitch_backends.kubernetes.official import Official
from killswitch_backends.kubernetes.plugin import PluginFailed, loader_for
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_backends.problems import Unauthenticated

_RENEWAL_SECONDS = 60.0
"""How often expiry is looked at while requests are made; the loader renews five minutes before a plugin's expiry."""
_RENEWAL_PAUSE = 5.0
"""Seconds in which many refused requests cause one renewal together."""


class Credentials:
    """The configuration of one connection, kept fresh for a console that stays open for days."""

    def __init__(self, official: Official, settings: KubernetesSettings, where: str) -> None:
        self._official, self._settings, self._where = official, settings, where
        self._lock = asyncio.Lock()
        self._loader: Any = None
        self._looked_at = 0.0
        self._renewed_at = float("-inf")
        self._renewal: asyncio.Task[None] | None = None
        self.configuration: Any = official.configuration()
        # Since Python 3.13 a certificate authority without key identifiers is refused by default; kubectl takes it, and
        # old clusters have it. The chain and the name are verified all the same.
        self.configuration.disable_strict_ssl_verification = True

    @property
    def server(self) -> str:
        """The API server's address."""
        return str(self.configuration.host)

    @property
    def user(self) -> str:
        """The user's name in the kubeconfig: a word of the file, not of the cluster."""
        context = self._loader.current_context["context"] if self._loader else {}
        return str(context.get("user", ""))

    @property
    def certificate(self) -> tuple[str | None, str | None]:
        """Files of the client certificate and its key, if there are any."""
        return self.configuration.cert_file, self.configuration.key_file

    @property
    def token(self) -> str | None:
        """The bearer token, if there is one: a secret."""
        return self.configuration.api_key.get("BearerToken") or None

    @property
    def renewed_by(self) -> str:
        """What renews them by itself; empty where nothing does."""
        if self._loader is None:
            return "the cluster that this console runs in"
        user = getattr(self._loader, "_user", None) or {}
        if "exec" in user:
            return "an exec plugin"
        return "an auth provider" if "auth-provider" in user else ""

    async def load(self) -> None:
        """Read the configuration, running an exec plugin where it names one.

        Raises:
            Unauthenticated: when there is none or it cannot be used; the text holds no part of its secrets.
        """
        async with self._lock:
            await self._load()

    async def authorization(self) -> dict[str, str]:
        """The header that authenticates the next request. Renewal, when due, goes on beside it: no halt waits."""
        due = asyncio.get_running_loop().time() - self._looked_at > _RENEWAL_SECONDS
        if due and self._renewable and (self._renewal is None or self._renewal.done()):
            self._renewal = asyncio.create_task(self._renew_early(), name=f"renew credentials of {self._where}")
        value = await self.configuration.get_api_key_with_prefix("BearerToken")
        return {"Authorization": value} if value else {}

    async def _renew_early(self) -> None:
        async with self._lock:
            with suppress(Unauthenticated):  # what we have still holds; once it does not, a 401 has it told
                await self._load()

    async def close(self) -> None:
        """End a renewal that is under way."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])

    async def renew(self, refused: tuple[object, ...]) -> bool:
        """Fetch credentials anew after a 401; whether there are others now than the ``refused`` ones."""
        async with self._lock:
            fresh = asyncio.get_running_loop().time() - self._renewed_at < _RENEWAL_PAUSE
            if self.material == refused and not fresh:
                self._loader = None
                await self._load()
                self._renewed_at = asyncio.get_running_loop().time()
        return self.material != refused

    @property
    def _renewable(self) -> bool:
        """Whether reading again is free unless due: a plugin that tells no expiry would run each time."""
        user = getattr(self._loader, "_user", None)
        if user is None:
            return False
        return "exec" not in user or hasattr(self._loader, "exec_plugin_expiry")

    @property
    def material(self) -> tuple[object, ...]:
        """What authenticates requests now: to be compared, never shown."""
        return (self.configuration.api_key.get("BearerToken"), *self.certificate)

    async def _load(self) -> None:
        path = self._path()
        self._looked_at = asyncio.get_running_loop().time()
        library = self._official.kube_config
        try:
            await self._read(path)
            self._check()
        except PluginFailed as failure:
            raise Unauthenticated(self._where, f"{_name(path)}: {failure}") from None
        except library.yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f" (line {mark.line + 1})" if mark else ""
            raise Unauthenticated(self._where, f"{_name(path)} is not valid YAML{line}") from None
        except kubeconfig.Unsound as unsound:
            raise Unauthenticated(self._where, f"{_name(path)} {unsound}") from None
        except (
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
            OverflowError,
        ):  # the loader takes its shape for granted
            raise Unauthenticated(self._where, f"{_name(path)} is not shaped like a kubeconfig with a user") from None
        except (self._official.config_exception, OSError, ValueError) as error:
            raise Unauthenticated(self._where, f"{_name(path)} cannot be used: {without_data(str(error))}") from None

    def _check(self) -> None:
        """See that what was read can stand in a request at all. Raises ``ValueError``."""
        found = self.configuration
        texts = {
            "server": found.host,
            "token": self.token,
            "proxy-url": found.proxy,
            "tls-server-name": found.tls_server_name,
        }
        for name, value in texts.items():
            if value is not None and not (isinstance(value, str) and value.isascii() and value.isprintable()):
                raise ValueError(f"its {name} is no line of text")
        for name, value in (("server", found.host), ("proxy-url", found.proxy or found.host)):
            address = urlsplit(value)  # raises ValueError itself, as does the port
            if address.scheme not in ("http", "https") or not address.hostname or address.port == 0:
                raise ValueError(f"its {name} is no address")
        if (found.tls_server_name or "x").startswith("."):
            raise ValueError("its tls-server-name is no name")

    async def _read(self, path: str | None) -> None:
        if path is None:
            self._official.incluster_config.load_incluster_config(self.configuration)
            return
        if self._loader is None:
            self._loader = await asyncio.to_thread(self._opened, path)
        await self._loader.load_and_set(self.configuration)

    def _opened(self, path: str) -> Any:
        kubeconfig.check(path, self._official.kube_config.yaml)
        return loader_for(self._official, path, self._settings.context)

    def _path(self) -> str | None:
        """The kubeconfig (or several, joined) to read; None: the pod's own service account."""
        if configured := self._settings.kubeconfig_path:
            if not configured.is_file():
                raise Unauthenticated(self._where, f"no kubeconfig at {configured}")
            return str(configured)
        chain = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
        if any(Path(part).expanduser().is_file() for part in chain.split(os.pathsep) if part):
            return chain
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            return None
        raise Unauthenticated(self._where, f"no kubeconfig at {chain}", todo="set kubeconfig in the table")


def _name(path: str | None) -> str:
    return f"kubeconfig {path}" if path else "the pod's service account"
