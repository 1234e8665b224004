"""The JSON patches of a halt and of its undoing, and the comparisons that allow them. Pure.

Every patch tests what it replaces, so the prior state that was made durable is exactly the one that is replaced, and a
restore touches nothing that somebody changed since. The API server answers a failed test with 422.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from killswitch_backends.kubernetes.kinds.kind import Field, Kind
from killswitch_backends.kubernetes.records import AT, HALT_ID, INVOKER, PRIOR, RESTORE_AT, RESTORER, Workload
from killswitch_backends.protocol import FieldChange, Json, Order

Operation = Mapping[str, Json]

MARK = frozenset({HALT_ID, INVOKER, AT, PRIOR, RESTORER, RESTORE_AT})
"""The annotations of a mark; others of ours (companions' holders, instances that were ended) are not its own."""
_ANNOTATIONS = "/metadata/annotations"
_OF_THE_MOMENT = ("resource_version", "nodes", "companions", "selector")
"""Keys of a prior state that help now and mean nothing on another day: kept off the mark."""


def prior_of(kind: Kind, workload: Workload) -> dict[str, Json]:
    """The prior state of a workload that carries no mark.

    ``replicas`` (or whatever the kind's switch is) as it is or defaults to, ``uid``, ``resource_version``; ``absent``
    lists the fields that were not set, ``annotations_absent`` is there when it had no annotations map.
    """
    absent = [field.name for field in kind.switch if workload.switch[field.name] is None]
    prior: dict[str, Json] = {
        field.name: field.default if field.name in absent else workload.switch[field.name] for field in kind.switch
    }
    prior |= {"uid": workload.uid, "resource_version": workload.version}
    if absent:
        prior["absent"] = absent
    if not workload.annotated:
        prior["annotations_absent"] = True
    return prior


def prior_told(kind: Kind, mark: Mapping[str, Json] | None) -> dict[str, Json] | None:
    """The prior state that a mark tells, which anybody may have written who can write the target; None: it tells none.

    Nothing is taken from it but what is put back on this very object: the switch's own values, and whether they and
    the annotations were there at all. Other objects that a prior state names (companions) are found anew.
    """
    if mark is None or not all(_may_be(field, mark.get(field.name)) for field in kind.switch):
        return None
    told: dict[str, Json] = {field.name: mark[field.name] for field in kind.switch}
    told |= {key: mark[key] for key in ("uid", "selector") if isinstance(mark.get(key), str)}
    absent = mark.get("absent")
    if named := [field.name for field in kind.switch if isinstance(absent, list) and field.name in absent]:
        told["absent"] = named
    return told | ({"annotations_absent": True} if mark.get("annotations_absent") is True else {})


def _may_be(field: Field, value: Json) -> bool:
    """Whether a field can ever have had this value; replicas are a 32-bit number."""
    if type(value) is not type(field.default):
        return False
    return not isinstance(value, int) or 0 <= value < 2**31


def is_off(kind: Kind, values: Mapping[str, Json]) -> bool:
    """Whether these values of a switch are what a halt sets."""
    return bool(kind.switch) and all(same(values.get(field.name), field.off) for field in kind.switch)


def same(found: Json, wanted: Json) -> bool:
    """Whether two values are the same JSON: ``false`` and ``0.0`` are not ``0``, as Python would have it."""
    return type(found) is type(wanted) and bool(found == wanted)


def mark_for(order: Order, prior: Mapping[str, Json]) -> dict[str, str]:
    """The annotations that tell any bastion of this halt and let it undo it."""
    lasting = {key: value for key, value in prior.items() if key not in _OF_THE_MOMENT}
    return {
        HALT_ID: order.halt_id,
        INVOKER: order.invoker,
        AT: order.at.isoformat(),
        PRIOR: json.dumps(lasting, separators=(",", ":"), sort_keys=True),
    }


def halt_patch(
    kind: Kind, prior: Mapping[str, Json], order: Order, *, before: Mapping[str, Json] | None = None
) -> list[Operation]:
    """Replace exactly the prior state by zero, and leave the mark, which tells ``before`` where that is another."""
    absent = prior.get("absent") or ()
    patch: list[Operation] = [_test("/metadata/uid", prior["uid"])]
    if absent or prior.get("annotations_absent"):  # what is absent cannot be tested, so nothing at all may have changed
        patch.append(_test("/metadata/resourceVersion", prior["resource_version"]))
    patch += [_test(f.pointer, prior[f.name]) for f in kind.switch if f.name not in absent]
    if prior.get("annotations_absent"):
        patch.append(_add(_ANNOTATIONS, {}))
    patch += [_add(f.pointer, f.off) for f in kind.switch]
    return [*patch, *(_add(_annotation(key), value) for key, value in mark_for(order, before or prior).items())]


def again_patch(kind: Kind, workload: Workload) -> list[Operation]:
    """Put a marked workload that was revived back to zero; its mark, and the prior state in it, stay."""
    assert workload.mark is not None  # noqa: S101 - the caller looked
    patch = [_test("/metadata/uid", workload.uid), _test(_annotation(HALT_ID), workload.mark.halt_id)]
    patch += [_test(f.pointer, workload.switch[f.name]) for f in kind.switch if workload.switch[f.name] is not None]
    return patch + [_add(f.pointer, f.off) for f in kind.switch]


def undo_patch(
    kind: Kind, prior: Mapping[str, Json], halt_id: str, *, annotations: Mapping[str, Json]
) -> list[Operation]:
    """Put the prior state back where the halt's own values and mark still stand; remove the mark and nothing else.

    ``annotations`` are the object's now: the map goes with the mark if it came with it and holds nothing else.
    """
    patch = [*lift_patch(kind, prior), _test(_annotation(HALT_ID), halt_id)]
    ours = [key for key in annotations if key in MARK]
    switched = sum(f.pointer.startswith(_ANNOTATIONS) for f in kind.switch)
    patch += [{"op": "remove", "path": _annotation(key)} for key in ours]
    if prior.get("annotations_absent") and len(ours) + switched == len(annotations):
        return [_test(_ANNOTATIONS, dict(annotations)), *patch, {"op": "remove", "path": _ANNOTATIONS}]
    return patch


def lift_patch(kind: Kind, prior: Mapping[str, Json]) -> list[Operation]:
    """Put the prior state back where a halt's own values stand, whatever mark there is."""
    absent = prior.get("absent") or ()
    return [_test(f.pointer, f.off) for f in kind.switch] + [
        {"op": "remove", "path": f.pointer} if f.name in absent else _replace(f.pointer, prior[f.name])
        for f in kind.switch
    ]


def announce_patch(order: Order, halt_id: str) -> list[Operation]:
    """Say on the mark that its halt is about to be restored; what was halted stays so."""
    return [
        _test(_annotation(HALT_ID), halt_id),
        _add(_annotation(RESTORER), order.invoker),
        _add(_annotation(RESTORE_AT), order.at.isoformat()),
    ]


def withdraw_patch(workload: Workload, halt_id: str) -> list[Operation]:
    """Take such an announcement back."""
    assert workload.mark is not None  # noqa: S101 - the caller looked
    who = [RESTORER] if workload.mark.restorer else []
    when = [RESTORE_AT] if workload.mark.restore_at else []
    return [
        _test(_annotation(HALT_ID), halt_id),
        *({"op": "remove", "path": _annotation(key)} for key in (*who, *when)),
    ]


def left_by_halt(kind: Kind, workload: Workload, halt_id: str) -> list[FieldChange]:
    """The fields that are not as the halt left them."""
    found = [
        FieldChange(field.name, field.off, workload.switch[field.name])
        for field in kind.switch
        if workload.switch[field.name] != field.off
    ]
    mark = workload.mark.halt_id if workload.mark else None
    if mark != halt_id:
        found.append(FieldChange(HALT_ID, halt_id, mark))
    return found


def not_restored(kind: Kind, workload: Workload, prior: Mapping[str, Json]) -> list[FieldChange]:
    """The fields that are not as they were before the halt; a field that was absent equals its default."""
    found = []
    for field in kind.switch:
        now = workload.switch[field.name]
        if (field.default if now is None else now) != prior[field.name]:
            found.append(FieldChange(field.name, prior[field.name], now))
    if workload.mark is not None:
        found.append(FieldChange(HALT_ID, None, workload.mark.halt_id))
    return found


def _annotation(key: str) -> str:
    return f"{_ANNOTATIONS}/{key.replace('~', '~0').replace('/', '~1')}"


def _test(path: str, value: Json) -> Operation:
    return {"op": "test", "path": path, "value": value}


def _add(path: str, value: Json) -> Operation:
    return {"op": "add", "path": path, "value": value}


def _replace(path: str, value: Json) -> Operation:
    return {"op": "replace", "path": path, "value": value}
