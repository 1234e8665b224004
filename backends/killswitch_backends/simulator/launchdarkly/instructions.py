"""Semantic patches: the instructions that people's tools send to change a flag.

Works on a draft of the flag, so that a patch with one invalid instruction changes nothing (openapi: "either all of the
instructions are applied or none of them are").
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from killswitch_backends.simulator.launchdarkly.failures import InvalidRequest
from killswitch_backends.simulator.launchdarkly.flags import Flag, Flags, Json, Targeting, identifier

Instruction = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Edit:
    """A patch being applied: the draft, the environment it names, and the other flags it may refer to."""

    flag: Flag
    environment: str | None
    flags: Flags
    rng: random.Random

    @property
    def targeting(self) -> Targeting:
        if self.environment is None:
            raise InvalidRequest("environmentKey is required for this instruction")
        if self.environment not in self.flag.environments:
            raise InvalidRequest(f"environment {self.environment!r} does not exist")
        return self.flag.environments[self.environment]

    def variation(self, instruction: Instruction, *, of: Flag | None = None) -> int:
        """The index of the variation that ``variationId`` names."""
        try:
            return (of or self.flag).variation_index(instruction.get("variationId"))
        except KeyError as error:
            raise InvalidRequest(f"variationId {instruction.get('variationId')!r} does not exist") from error


def apply(edit: Edit, instructions: Sequence[Instruction]) -> None:
    """Carry out instructions on a draft, in order.

    Raises:
        InvalidRequest: for the first one that is unknown or invalid.
    """
    if not instructions:
        raise InvalidRequest("instructions: must not be empty")
    for instruction in instructions:
        kind = instruction.get("kind")
        handler = _INSTRUCTIONS.get(kind) if isinstance(kind, str) else None
        if handler is None:
            raise InvalidRequest(f"instructions: unknown kind {kind!r}")
        handler(edit, instruction)


def _values(instruction: Instruction) -> list[Json]:
    values = instruction.get("values")
    if not isinstance(values, list) or not values:
        raise InvalidRequest(f"{instruction['kind']}: values is required")
    return values


def _text(instruction: Instruction, key: str = "value") -> str:
    value = instruction.get(key)
    if not isinstance(value, str):
        raise InvalidRequest(f"{instruction['kind']}: {key} must be a string")
    return value


def _turn(on: bool) -> Callable[[Edit, Instruction], None]:
    def turn(edit: Edit, _: Instruction) -> None:
        edit.targeting.on = on

    return turn


def _served(edit: Edit, instruction: Instruction) -> dict[str, Json]:
    """What a rule or the default rule serves: one variation, or a percentage rollout."""
    weights = instruction.get("rolloutWeights")
    if not isinstance(weights, dict):
        return {"variation": edit.variation(instruction)}
    if sum(weights.values()) != 100_000:
        raise InvalidRequest("rolloutWeights must add up to 100000")
    shares = [{"variation": edit.variation({"variationId": key}), "weight": weight} for key, weight in weights.items()]
    rollout = {"variations": shares, "contextKind": instruction.get("rolloutContextKind", "user")}
    return {"rollout": rollout}


def _rule(edit: Edit, instruction: Instruction) -> dict[str, Json]:
    clauses = instruction.get("clauses")
    if not isinstance(clauses, list):
        raise InvalidRequest("clauses is required")
    drawn = [{"_id": identifier(edit.rng), "negate": False, "contextKind": "user", **clause} for clause in clauses]
    return {"_id": identifier(edit.rng), "clauses": drawn, "trackEvents": False, **_served(edit, instruction)}


def _add_rule(edit: Edit, instruction: Instruction) -> None:
    rules = edit.targeting.rules
    before = instruction.get("beforeRuleId")
    position = next((i for i, rule in enumerate(rules) if rule["_id"] == before), len(rules))
    rules.insert(position, _rule(edit, instruction))


def _remove_rule(edit: Edit, instruction: Instruction) -> None:
    rule_id = _text(instruction, "ruleId")
    edit.targeting.rules = [rule for rule in edit.targeting.rules if rule["_id"] != rule_id]


def _replace_rules(edit: Edit, instruction: Instruction) -> None:
    edit.targeting.rules = [_rule(edit, rule) for rule in instruction.get("rules", [])]


def _update_fallthrough(edit: Edit, instruction: Instruction) -> None:
    edit.targeting.fallthrough = _served(edit, instruction)


def _update_off_variation(edit: Edit, instruction: Instruction) -> None:
    edit.targeting.off_variation = edit.variation(instruction)


def _targets(edit: Edit, instruction: Instruction) -> list[dict[str, Json]]:
    kind = instruction.get("contextKind", "user")
    return edit.targeting.targets if kind == "user" else edit.targeting.context_targets


def _add_targets(edit: Edit, instruction: Instruction) -> None:
    targets, variation, values = _targets(edit, instruction), edit.variation(instruction), _values(instruction)
    for target in targets:
        if target["variation"] != variation and set(target["values"]) & set(values):
            raise InvalidRequest("a context key cannot be targeted in several variations")
    for target in targets:
        if target["variation"] == variation:
            target["values"].extend(value for value in values if value not in target["values"])
            return
    targets.append({"variation": variation, "values": values, "contextKind": instruction.get("contextKind", "user")})


def _remove_targets(edit: Edit, instruction: Instruction) -> None:
    targets, variation, gone = _targets(edit, instruction), edit.variation(instruction), set(_values(instruction))
    for target in targets:
        if target["variation"] == variation:
            target["values"] = [value for value in target["values"] if value not in gone]
    targets[:] = [target for target in targets if target["values"]]


def _prerequisite(edit: Edit, instruction: Instruction) -> dict[str, Json]:
    other = edit.flags.get(_text(instruction, "key"))
    if other is None or other.key == edit.flag.key:
        raise InvalidRequest(f"prerequisite {instruction.get('key')!r} does not exist")
    return {"key": other.key, "variation": edit.variation(instruction, of=other)}


def _add_prerequisite(edit: Edit, instruction: Instruction) -> None:
    added = _prerequisite(edit, instruction)
    if any(known["key"] == added["key"] for known in edit.targeting.prerequisites):
        raise InvalidRequest(f"{added['key']!r} is a prerequisite already")
    edit.targeting.prerequisites.append(added)


def _remove_prerequisite(edit: Edit, instruction: Instruction) -> None:
    key = _text(instruction, "key")
    edit.targeting.prerequisites = [known for known in edit.targeting.prerequisites if known["key"] != key]


def _replace_prerequisites(edit: Edit, instruction: Instruction) -> None:
    replacements = instruction.get("prerequisites", [])
    edit.targeting.prerequisites = [_prerequisite(edit, {"kind": "", **item}) for item in replacements]


def _add_tags(edit: Edit, instruction: Instruction) -> None:
    edit.flag.tags.extend(tag for tag in _values(instruction) if tag not in edit.flag.tags)


def _remove_tags(edit: Edit, instruction: Instruction) -> None:
    gone = set(_values(instruction))
    edit.flag.tags = [tag for tag in edit.flag.tags if tag not in gone]


def _add_custom_properties(edit: Edit, instruction: Instruction) -> None:
    key, name, values = _text(instruction, "key"), _text(instruction, "name"), _values(instruction)
    known = edit.flag.custom_properties.setdefault(key, {"name": name, "value": []})
    known["value"].extend(value for value in values if value not in known["value"])


def _replace_custom_properties(edit: Edit, instruction: Instruction) -> None:
    key, name = _text(instruction, "key"), _text(instruction, "name")
    edit.flag.custom_properties[key] = {"name": name, "value": list(_values(instruction))}


def _remove_custom_properties(edit: Edit, instruction: Instruction) -> None:
    key, gone = _text(instruction, "key"), set(_values(instruction))
    known = edit.flag.custom_properties.get(key)
    if known is None:
        return
    known["value"] = [value for value in known["value"] if value not in gone]
    if not known["value"]:
        del edit.flag.custom_properties[key]


def _archive(edit: Edit, _: Instruction) -> None:
    for environment in edit.flag.environments:
        if edit.flags.dependants(edit.flag.key, environment):
            raise InvalidRequest("cannot archive a flag that is a prerequisite of other flags")
    edit.flag.archived = True


def _restore(edit: Edit, _: Instruction) -> None:
    edit.flag.archived = False


def _set(attribute: str, value: bool) -> Callable[[Edit, Instruction], None]:
    def change(edit: Edit, _: Instruction) -> None:
        setattr(edit.flag, attribute, value)

    return change


def _rename(attribute: str) -> Callable[[Edit, Instruction], None]:
    def change(edit: Edit, instruction: Instruction) -> None:
        setattr(edit.flag, attribute, _text(instruction))

    return change


def _track_events(edit: Edit, instruction: Instruction) -> None:
    edit.targeting.track_events = bool(instruction.get("trackEvents"))


_INSTRUCTIONS: dict[str, Callable[[Edit, Instruction], None]] = {
    "turnFlagOn": _turn(True),
    "turnFlagOff": _turn(False),
    "addRule": _add_rule,
    "removeRule": _remove_rule,
    "replaceRules": _replace_rules,
    "updateFallthroughVariationOrRollout": _update_fallthrough,
    "updateOffVariation": _update_off_variation,
    "addTargets": _add_targets,
    "addUserTargets": _add_targets,
    "removeTargets": _remove_targets,
    "removeUserTargets": _remove_targets,
    "addPrerequisite": _add_prerequisite,
    "removePrerequisite": _remove_prerequisite,
    "replacePrerequisites": _replace_prerequisites,
    "addTags": _add_tags,
    "removeTags": _remove_tags,
    "addCustomProperties": _add_custom_properties,
    "replaceCustomProperties": _replace_custom_properties,
    "removeCustomProperties": _remove_custom_properties,
    "archiveFlag": _archive,
    "restoreFlag": _restore,
    "deprecateFlag": _set("deprecated", True),
    "restoreDeprecatedFlag": _set("deprecated", False),
    "makeFlagPermanent": _set("temporary", False),
    "makeFlagTemporary": _set("temporary", True),
    "updateName": _rename("name"),
    "updateDescription": _rename("description"),
    "updateTrackEvents": _track_events,
}
