"""The account's audit log: who changed which flag, with the comment that came with the change."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from killswitch_backends.simulator.launchdarkly.accounts import ACCOUNT_ID, Caller
from killswitch_backends.simulator.launchdarkly.flags import Json
from killswitch_backends.simulator.seams import FLAG_ENVIRONMENT, PROJECT

KEPT = 50_000
"""How many of the latest entries the simulator remembers."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one flag."""

    id: str
    at: int
    """Unix milliseconds."""
    flag: str
    actions: tuple[str, ...]
    """LaunchDarkly's names of what was done: ``updateOn``, ``updateRules``, ..."""
    caller: str
    comment: str
    environment: str = FLAG_ENVIRONMENT

    @property
    def resource(self) -> str:
        return f"proj/{PROJECT}:env/{self.environment}:flag/{self.flag}"


@dataclass(slots=True)
class AuditLog:
    """The entries, newest first when listed."""

    _entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT))
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def record(
        self,
        flag: str,
        actions: tuple[str, ...],
        caller: Caller,
        comment: str,
        *,
        environment: str = FLAG_ENVIRONMENT,
    ) -> None:
        """Add an entry for a change that was made."""
        entry_id = f"{next(self._ids):024x}"
        now = int(time.time() * 1000)
        self._entries.append(Entry(entry_id, now, flag, actions, caller.name, comment, environment))

    def select(self, *, limit: int, spec: str = "", query: str = "", after: int = 0, before: int = 0) -> list[Entry]:
        """The newest entries that match, at most ``limit``; times are Unix milliseconds, 0 for none."""
        matching = (
            entry
            for entry in reversed(self._entries)
            if _covers(spec, entry.resource)
            and query.lower() in entry.flag.lower()
            and entry.at > after
            and (not before or entry.at < before)
        )
        return list(itertools.islice(matching, limit))


def _covers(spec: str, resource: str) -> bool:
    """Whether a resource specifier such as ``proj/agents:env/*:flag/refund-1`` covers a resource."""
    if not spec:
        return True
    wanted, actual = spec.split(":"), resource.split(":")
    return len(wanted) <= len(actual) and all(
        pattern == part or (pattern.endswith("/*") and part.startswith(pattern[:-1]))
        for pattern, part in zip(wanted, actual, strict=False)
    )


def rendered(entry: Entry) -> Json:
    """An entry as ``/api/v2/auditlog`` lists it."""
    verb = {"updateOn": "changed the targeting state of the flag"}.get(entry.actions[0], "updated the flag")
    return {
        "_links": {"self": {"href": f"/api/v2/auditlog/{entry.id}", "type": "application/json"}},
        "_id": entry.id,
        "_accountId": ACCOUNT_ID,
        "date": entry.at,
        "accesses": [{"action": action, "resource": entry.resource} for action in entry.actions],
        "kind": "flag",
        "name": entry.flag,
        "description": "",
        "shortDescription": "",
        "comment": entry.comment,
        "subject": {"name": entry.caller, "_links": {}},
        "token": {"name": entry.caller, "_links": {}},
        "titleVerb": verb,
        "title": f"{entry.caller} {verb} {entry.flag}",
        "target": {"name": entry.flag, "resources": [entry.resource], "_links": {}},
    }
