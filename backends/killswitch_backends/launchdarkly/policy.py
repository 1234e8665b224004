"""``policy launchdarkly``: the inline policy of the service token that turns flags off, and no more."""

from __future__ import annotations

import json

from killswitch_backends.launchdarkly.settings import LaunchDarklySettings
from killswitch_backends.policies import Tables

ACTIONS = ["updateOn", "updateFlagCustomProperties"]
_EXAMPLE = ("PROJECT", "ENVIRONMENT", "agent")


def policy(tables: Tables) -> str:
    """One policy for all configured tables: change ``on`` and the mark, of flags with the tag, in the environment."""
    configured = [
        (table.project, table.environment, table.tag)
        for table in tables.get("launchdarkly", ())
        if isinstance(table, LaunchDarklySettings)
    ]
    statements = [
        {
            "effect": "allow",
            "actions": ACTIONS,
            "resources": [f"proj/{project}:env/{environment}:flag/*;{tag}"],
        }
        for project, environment, tag in configured or [_EXAMPLE]
    ]
    projects = sorted({project for project, _, _ in configured or [_EXAMPLE]})
    view = {"effect": "allow", "actions": ["viewProject"], "resources": [f"proj/{project}" for project in projects]}
    return json.dumps([view, *statements], indent=2) + "\n"
