"""Lists that come in pages: followed by their tokens, and left where they do not end."""

from __future__ import annotations

from typing import Final

from killswitch_backends.problems import Unreachable

MOST_PAGES: Final = 10_000
"""Of one list: half a million functions. A server that always has one more page would be listened to for ever."""


class Pages:
    """The tokens of one list so far."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._seen: set[str] = set()

    def turn(self, token: str) -> str:
        """Go on to the page of a token. Raises ``Unreachable``: it was there before, or there are too many."""
        if token in self._seen or len(self._seen) >= MOST_PAGES:
            raise Unreachable(self._where, "AWS's list does not end")
        self._seen.add(token)
        return token
