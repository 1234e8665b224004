"""Keeps secrets out of the trail and of recordings: whatever secret this process resolved is blanked wherever it shows.

Events are built from fields that hold no secrets; this is the net below that. Patterns catch what was pasted into a
reason: access keys, tokens, private keys.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final

BLANK: Final = "[secret]"

LEAST: Final = 6
"""Shorter values are not looked for: they would blank innocent text."""

SHORT: Final = 120
REMEMBERED: Final = 5000

_PATTERNS: Final = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\b(?:sdk|api|mob)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|\bBearer\s+[A-Za-z0-9._~+/-]{8,}=*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)


class Scrubber:
    """Blanks known secrets in text. Never shows what it knows."""

    __slots__ = ("_innocent", "_known")

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._innocent: set[str] = set()
        """Texts that hold nothing: the names of fields and targets come again and again."""

    def learn(self, secret: str) -> None:
        """Blank this from now on."""
        if len(secret) >= LEAST:
            self._known.add(secret)
            self._innocent.clear()

    def forget(self, secret: str) -> None:
        """Keep it no longer: it is sealed again, and nothing holds it that could show it."""
        self._known.discard(secret)

    def __call__(self, text: str) -> str:
        if text in self._innocent:
            return text
        blanked = self._blanked(text)
        if blanked == text and len(text) <= SHORT:
            if len(self._innocent) >= REMEMBERED:
                self._innocent.clear()
            self._innocent.add(text)
        return blanked

    def _blanked(self, text: str) -> str:
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, BLANK)
        return _PATTERNS.sub(BLANK, text)

    def listening(self, resolve: Callable[[str], Awaitable[str]]) -> Callable[[str], Awaitable[str]]:
        """A resolver of secrets that this scrubber learns from."""

        async def resolved(reference: str) -> str:
            secret = await resolve(reference)
            self.learn(secret)
            return secret

        return resolved
