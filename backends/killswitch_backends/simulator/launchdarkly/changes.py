"""Making a change to a flag real: what changed, versions, audit entry, and word to the streams."""

from __future__ import annotations

import time
from dataclasses import dataclass

from killswitch_backends.simulator.launchdarkly.accounts import Caller
from killswitch_backends.simulator.launchdarkly.audit import AuditLog
from killswitch_backends.simulator.launchdarkly.flags import Flag, Flags
from killswitch_backends.simulator.launchdarkly.streaming import Edge

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
    edge: Edge

    def commit(self, draft: Flag, caller: Caller, comment: str) -> bool:
        """Put a draft in the place of its flag; False when it differs in nothing (then nothing is recorded either)."""
        current = self.flags.get(draft.key)
        actions = differences(current, draft) if current else ("createFlag",)
        if not actions:
            return False
        self._count(current, draft)
        self.flags.put(draft)
        self.audit.record(draft.key, actions, caller, comment)
        self.edge.announce(draft)
        return True

    def delete(self, flag: Flag, caller: Caller, comment: str) -> None:
        """Remove a flag for good."""
        self.flags.remove(flag.key)
        self.audit.record(flag.key, ("deleteFlag",), caller, comment)
        for targeting in flag.environments.values():
            targeting.version += 1
        flag.archived = True
        self.edge.announce(flag)

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


def differences(current: Flag, draft: Flag) -> tuple[str, ...]:
    """LaunchDarkly's names for what a draft changes, without repeats, targeting first."""
    actions = [
        action
        for name, targeting in draft.environments.items()
        for attribute, action in _TARGETING_ACTIONS.items()
        if getattr(targeting, attribute) != getattr(current.environments[name], attribute)
    ]
    actions += [
        action
        for attribute, action in _FLAG_ACTIONS.items()
        if getattr(draft, attribute) != getattr(current, attribute)
    ]
    return tuple(dict.fromkeys(actions))
