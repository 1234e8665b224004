"""What is known of flags: the record that sighting keeps, and reading flags anew, one by one or all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing

from killswitch_backends.launchdarkly.api import PAGE, Api, together
from killswitch_backends.launchdarkly.flags import FlagState
from killswitch_backends.problems import Gone, Problem, Refused
from killswitch_inventory.targets import BackendRef, TargetId

ONE_BY_ONE = 20
"""Up to this many flags are read one by one; for more, a page of the list is cheaper."""


class Records:
    """The flags that carry the configured tag, while sighting is live."""

    def __init__(self, api: Api, ref: BackendRef) -> None:
        self._api = api
        self._ref = ref
        self._known: dict[str, FlagState] = {}
        self.live = False
        """Whether what is known is complete and changes are coming in."""

    def target(self, key: str) -> TargetId:
        """The target id of a flag."""
        return TargetId(self._ref, key)

    def known(self, key: str) -> FlagState | None:
        return self._known.get(key)

    def behind(self, version_of: Callable[[str], int | None]) -> set[str]:
        """The known flags that somebody else has in a later version."""
        versions = ((key, version_of(key), flag.version) for key, flag in self._known.items())
        return {key for key, there, here in versions if there is not None and there > here}

    def replace_all(self, flags: Sequence[FlagState]) -> None:
        """A whole listing: what is not in it is no longer known."""
        self._known = {flag.key: flag for flag in flags}

    def replace(self, flag: FlagState) -> None:
        self._known[flag.key] = flag

    def forget(self, key: str) -> bool:
        """Drop a flag; whether it was known."""
        return self._known.pop(key, None) is not None

    async def look_up(self, keys: Sequence[str], *, fresh: bool) -> dict[str, FlagState | Problem]:
        """The state of some flags, or why it is not known.

        Reads them all by the list where they are many; what the list has not (flags bound by declaration carry no
        tag) is read one by one.

        Raises:
            Problem: when nothing can be read at all.
        """
        found: dict[str, FlagState | Problem] = {}
        if self.live and not fresh:
            found.update({key: flag for key in keys if (flag := self._known.get(key))})
        missing = [key for key in keys if key not in found]
        if len(missing) > ONE_BY_ONE:
            wanted = set(missing)
            async with aclosing(self._api.flags()) as listed:
                found.update({flag.key: flag async for flag in listed if flag.key in wanted})
            missing = [key for key in missing if key not in found]
        for start in range(0, len(missing), PAGE):
            part = missing[start : start + PAGE]
            found.update(zip(part, await together(self._one(key) for key in part), strict=True))
        return found

    async def _one(self, key: str) -> FlagState | Problem:
        """One flag; that it is gone or refused is said of it alone, a failure of the connection is everybody's."""
        try:
            return await self._api.flag(key)
        except (Gone, Refused) as problem:
            return problem
