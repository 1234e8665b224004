"""Making a change to a flag real: what changed, versions, audit entry, and word to the streams."""

from __future__ import annotations

import time
from dataclasses import dataclass

from killswitch_backends.simulator.launchdarkly.accounts import Caller
from killswitch_backends.simulator.launchdarkly.audit import AuditLog
from killswitch_backends.simulator.launchdarkly.flags import Flag, Flags
from killswitch_backends.simulator.launchdarkly.streaming import Edge
from killswitch_backends.simulator.seams import FLAG_ENVIRONMENT

_TARGETING_ACTIONS = {
    "on": "updateOn",
    "rules": "updateRules",
    "fallthrough": "updateFallthrough",
    "off_variation": "updateOffVariation",
    "targets": "updateTargets",
    "context_targets": "updateTargets",
    "prerequisites": "updatePrerequisites",
    "track_events": "updateTrackEvents",
}
_FLAG_ACTIONS = {
    "name": "updateName",
    "description": "updateDescription",
    "tags": "updateTags",
    "custom_properties": "updateFlagCustomProperties",
    "archived": "updateGlobalArchived",
    "deprecated": "updateDeprecated",
    "temporary": "updateTemporary",
    "variations": "updateFlagVariations",
}


@dataclass(slots=True)
class Changes:
    """The one place where flags change once seeded."""

    flags: Flags
    audit: AuditLog
    edges: tuple[Edge, ...]

    def commit(self, draft: Flag, caller: Caller, comment: str) -> bool:
        """Put a draft in the place of its flag; False when it differs in nothing (then nothing is recorded either)."""
        current = self.flags.get(draft.key)
        changed = differences(current, draft) if current else {FLAG_ENVIRONMENT: ("createFlag",)}
        if not changed:
            return False
        self._count(current, draft)
        self.flags.put(draft)
        for environment, actions in changed.items():
            self.audit.record(draft.key, actions, caller, comment, environment=environment)
        self._announce(draft)
        return True

    def delete(self, flag: Flag, caller: Caller, comment: str) -> None:
        """Remove a flag for good."""
        self.flags.remove(flag.key)
        self.audit.record(flag.key, ("deleteFlag",), caller, comment)
        for targeting in flag.environments.values():
            targeting.version += 1
        flag.archived = True
        self._announce(flag)

    def _announce(self, flag: Flag) -> None:
        for edge in self.edges:
            edge.announce(flag)

    def _count(self, current: Flag | None, draft: Flag) -> None:
        """Raise the versions of what changed; an SDK takes a flag only if its environment's version rose."""
        if current is None:
            return
        draft.version += 1
        shared = (current.variations, current.archived) != (draft.variations, draft.archived)
        for name, targeting in draft.environments.items():
            if shared or targeting != current.environments[name]:
                targeting.version += 1
                targeting.last_modified = int(time.time() * 1000)


def differences(current: Flag, draft: Flag) -> dict[str, tuple[str, ...]]:
    """LaunchDarkly's names for what a draft changes, by environment, without repeats, targeting first.

    What concerns no environment is told with the first one that changes, or with the main one.
    """
    found: dict[str, list[str]] = {}
    for name, targeting in draft.environments.items():
        for attribute, action in _TARGETING_ACTIONS.items():
            if getattr(targeting, attribute) != getattr(current.environments[name], attribute):
                found.setdefault(name, []).append(action)
    wide = [
        name for attribute, name in _FLAG_ACTIONS.items() if getattr(draft, attribute) != getattr(current, attribute)
    ]
    if wide:
        found.setdefault(next(iter(found), FLAG_ENVIRONMENT), []).extend(wide)
    return {environment: tuple(dict.fromkeys(actions)) for environment, actions in found.items()}
