"""Trigger URLs: a second way to turn a flag off, which needs no token and works where the REST API refuses or is down.

A trigger's URL is the whole secret. It is resolved when it is used, is in no message, and is sent to no other address.
What a trigger cannot do: carry a comment, a mark, or a name for the audit log; change anything but on or off.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from killswitch_backends.launchdarkly.settings import LOOPBACK, LaunchDarklySettings
from killswitch_backends.problems import Problem, Refused, Unreachable

EVERY_FLAG = "*"
_TIMEOUT = aiohttp.ClientTimeout(total=5, connect=3)
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
"""Keys that may become part of a reference: no way out of a directory."""


class Triggers:
    """The trigger URLs of one table."""

    def __init__(self, settings: LaunchDarklySettings, secret: Callable[[str], Awaitable[str]], where: str) -> None:
        self._settings, self._secret, self._where = settings, secret, where
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def reference(self, flag: str) -> str | None:
        """Where the URL of a flag's trigger is kept, if anywhere."""
        known = self._settings.trigger
        if flag in known:
            return known[flag]
        if EVERY_FLAG in known and _PLAIN_KEY.fullmatch(flag):
            return known[EVERY_FLAG].replace("{flag}", flag)
        return None

    async def turn_off(self, flag: str) -> None:
        """Fire the trigger of a flag. That it was taken proves nothing.

        Raises:
            Problem: when there is none, its URL cannot be had, or it was not taken.
        """
        where = f"{self._where}/{flag}"
        url = await self.resolve(flag)
        if self._session is None:
            outside = urlsplit(url).hostname not in LOOPBACK
            self._session = aiohttp.ClientSession(trust_env=outside, timeout=_TIMEOUT)
        try:
            async with self._session.post(URL(url, encoded=True), json={}, allow_redirects=False) as answer:
                status = answer.status
        except TimeoutError:
            raise Unreachable(where, "its trigger gave no answer") from None
        except (aiohttp.ClientError, OSError) as error:
            # The cause is left out: its text may hold the URL, and the URL is the secret.
            raise Unreachable(where, f"its trigger cannot be reached: {type(error).__name__}") from None
        if status >= 500:
            raise Unreachable(where, f"its trigger answered {status}")
        if status >= 300:
            raise Refused(where, f"its trigger was refused ({status})", todo="it may have been reset or disabled")

    async def resolve(self, flag: str) -> str:
        """The URL of a flag's trigger: the whole secret, never to be shown.

        Raises:
            Problem: when there is none, or it cannot be had.
        """
        where = f"{self._where}/{flag}"
        reference = self.reference(flag)
        if reference is None:
            raise Refused(where, "no trigger is configured for it")
        url = (await self._secret(reference)).strip()
        if not _safe(url):
            raise Problem(where, f"what {reference} holds is no https address of a trigger")
        return url


def _safe(url: str) -> bool:
    """Whether an address keeps its secret on the way."""
    try:
        parts = urlsplit(url)
        secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        return secure and bool(parts.hostname)
    except ValueError:
        return False
