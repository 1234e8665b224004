"""Flags as JSON: the REST API's representation and the one that server SDKs are sent."""

from __future__ import annotations

from killswitch_backends.simulator.launchdarkly.flags import Flag, Json, Targeting
from killswitch_backends.simulator.seams import FLAG_ENVIRONMENT, PROJECT


def rest_flag(flag: Flag, *, environments: tuple[str, ...] | None = None, summary: bool = False) -> Json:
    """A flag as ``/api/v2/flags`` shows it, in all environments if none are named.

    ``summary`` leaves targeting out, as the real list does by default.
    """
    environments = tuple(flag.environments) if environments is None else environments
    body: dict[str, Json] = {
        "name": flag.name,
        "kind": "boolean" if {v["value"] for v in flag.variations if _simple(v)} == {True, False} else "multivariate",
        "description": flag.description,
        "key": flag.key,
        "_version": flag.version,
        "creationDate": flag.created,
        "clientSideAvailability": {"usingMobileKey": False, "usingEnvironmentId": False},
        "variations": flag.variations,
        "temporary": flag.temporary,
        "tags": flag.tags,
        "_links": {
            "parent": {"href": f"/api/v2/flags/{PROJECT}", "type": "application/json"},
            "self": {"href": f"/api/v2/flags/{PROJECT}/{flag.key}", "type": "application/json"},
        },
        "experiments": {"baselineIdx": 0, "items": []},
        "customProperties": flag.custom_properties,
        "archived": flag.archived,
        "deprecated": flag.deprecated,
        "defaults": {"onVariation": 0, "offVariation": 1},
    }
    if environments:
        body["environments"] = {
            name: _rest_targeting(flag, name, summary=summary) for name in environments if name in flag.environments
        }
    return body


def _simple(variation: dict[str, Json]) -> bool:
    return isinstance(variation["value"], bool)


def _rest_targeting(flag: Flag, environment: str, *, summary: bool) -> Json:
    targeting = flag.environments[environment]
    body: dict[str, Json] = {
        "on": targeting.on,
        "archived": flag.archived,
        "salt": targeting.salt,
        "sel": targeting.salt[:16],
        "lastModified": targeting.last_modified,
        "version": targeting.version,
        "_site": {"href": f"/{PROJECT}/{environment}/features/{flag.key}", "type": "text/html"},
        "_environmentName": environment.capitalize(),
        "trackEvents": targeting.track_events,
        "trackEventsFallthrough": targeting.track_events_fallthrough,
        "_summary": _summary(flag, targeting),
    }
    if not summary:
        body |= {
            "targets": targeting.targets,
            "contextTargets": targeting.context_targets,
            "rules": targeting.rules,
            "fallthrough": targeting.fallthrough,
            "prerequisites": targeting.prerequisites,
        }
        if targeting.off_variation is not None:
            body["offVariation"] = targeting.off_variation
    return body


def _summary(flag: Flag, targeting: Targeting) -> Json:
    variations: dict[str, dict[str, Json]] = {}
    for index in range(len(flag.variations)):
        entry: dict[str, Json] = {
            "rules": sum(rule.get("variation") == index for rule in targeting.rules),
            "nullRules": 0,
            "targets": sum(len(t["values"]) for t in targeting.targets if t["variation"] == index),
        }
        if targeting.fallthrough.get("variation") == index:
            entry["isFallthrough"] = True
        if targeting.off_variation == index:
            entry["isOff"] = True
        variations[str(index)] = entry
    return {"variations": variations, "prerequisites": len(targeting.prerequisites)}


def sdk_flag(flag: Flag, environment: str = FLAG_ENVIRONMENT) -> dict[str, Json]:
    """A flag as server SDKs are sent it (ldclient/impl/model/feature_flag.py)."""
    targeting = flag.environments[environment]
    return {
        "key": flag.key,
        "version": targeting.version,
        "on": targeting.on,
        "prerequisites": targeting.prerequisites,
        "targets": [{"values": t["values"], "variation": t["variation"]} for t in targeting.targets],
        "contextTargets": targeting.context_targets,
        "rules": [_sdk_rule(rule) for rule in targeting.rules],
        "fallthrough": targeting.fallthrough,
        "offVariation": targeting.off_variation,
        "variations": [variation["value"] for variation in flag.variations],
        "clientSideAvailability": {"usingMobileKey": False, "usingEnvironmentId": False},
        "clientSide": False,
        "salt": targeting.salt,
        "trackEvents": targeting.track_events,
        "trackEventsFallthrough": targeting.track_events_fallthrough,
        "debugEventsUntilDate": None,
        "deleted": False,
    }


def _sdk_rule(rule: dict[str, Json]) -> dict[str, Json]:
    body: dict[str, Json] = {
        "id": rule["_id"],
        "clauses": [
            {key: value for key, value in clause.items() if key != "_id" and value is not None}
            for clause in rule["clauses"]
        ],
        "trackEvents": rule.get("trackEvents", False),
    }
    for choice in ("variation", "rollout"):
        if choice in rule:
            body[choice] = rule[choice]
    return body
