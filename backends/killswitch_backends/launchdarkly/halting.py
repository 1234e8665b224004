"""Turning one flag off, and on again: the two changes this backend makes.

Turning off goes out with the mark in one patch, so that both are there or neither is; where the platform takes only
the one without the mark, the halt matters more. Where the REST API refuses or is down, a flag that has a trigger is
turned off by that, and said to be. Turning on again is the REST API's alone: a trigger cannot see what changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from killswitch_backends.launchdarkly.api import Api
from killswitch_backends.launchdarkly.flags import (
    FlagState,
    changes_since,
    mark_key,
    mark_values,
)
from killswitch_backends.launchdarkly.observer import Observer
from killswitch_backends.launchdarkly.triggers import Triggers
from killswitch_backends.problems import Blocked, Changed, Conflict, Problem, Refused, Unreachable, Unsupported
from killswitch_backends.protocol import (
    Accepted,
    Captured,
    Evidence,
    FieldChange,
    Grade,
    Json,
    Order,
    Restored,
    Watch,
)
from killswitch_backends.restores import RestoredElsewhere, RestorePreflight

_REASON = 400
"""Characters of a reason that go into a comment."""

NO_TRACE = "a trigger leaves no comment, no mark on the flag and no name in the audit log"

_ARRIVAL = 1.0
"""Seconds to wait for word on the stream of what a trigger did, to know the version it made."""

Instruction = Mapping[str, Json]


class Switch:
    """Halts and restores flags of one environment."""

    def __init__(
        self, *, api: Api, triggers: Triggers, observer: Observer, environment: str, now: Callable[[], datetime]
    ) -> None:
        self._api, self._triggers, self._observer = api, triggers, observer
        self._environment, self._now = environment, now

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        """See ``Backend.halt``."""
        if self._triggers.reference(captured.target.path) is None:
            return await self._by_rest(captured, order)
        try:
            return await self._by_rest(captured, order, quick=True)
        except (Unreachable, Refused) as problem:
            return await self._by_trigger(captured, order, problem)

    async def _by_trigger(self, captured: Captured, order: Order, why: Problem) -> Accepted:
        """Turn a flag off without the REST API, because of what that said.

        Raises:
            Problem: ``why`` again, with what became of the trigger, when that did not work either.
        """
        key, prior = captured.target.path, captured.prior
        try:
            await self._triggers.turn_off(key)
        except Problem as problem:
            raise type(why)(why.where, f"{why.what}; and {problem.what}", todo=why.todo) from problem
        detail = f"turned off by its trigger, as the REST API {_past(why)}: {NO_TRACE}"
        version = await self._observer.version_when_off(key, within=_ARRIVAL)
        made = {**prior, "on": False, "version": version or int(prior["version"]) + bool(prior["on"])}
        halted = {**made, "halt_id": order.halt_id, "marked": False, "trigger": True}
        return Accepted(captured.target, self._now(), detail=detail, halted=halted)

    async def _by_rest(self, captured: Captured, order: Order, *, quick: bool = False) -> Accepted:
        key = captured.target.path
        before = await self._api.flag(key, quick=quick)
        if before.archived:
            raise Unsupported(str(captured.target), "archived: it is served to nobody", todo="use another layer")
        self._check(captured, order, before)
        after, detail = await self._turn_off(captured, order, before, quick=quick)
        halted = {
            **after.fields(),
            "halt_id": order.halt_id,
            "marked": after.mark is not None and after.mark.halt.halt_id == order.halt_id,
        }
        return Accepted(captured.target, self._now(), detail=detail, halted=halted)

    def _check(self, captured: Captured, order: Order, found: FlagState) -> None:
        """Let a halt go on only over the state that was captured.

        Raises:
            Changed: when somebody switched the flag, or marked it, since.
        """
        where = str(captured.target)
        marked_by = found.mark.halt.halt_id if found.mark else None
        if marked_by is not None and marked_by in (order.halt_id, captured.marked_by):
            return
        if marked_by is not None:
            raise Changed(where, f"halted by {marked_by} since it was captured")
        if found.version != captured.prior["version"] and found.on != captured.prior["on"]:
            raise Changed(where, f"turned {'on' if found.on else 'off'} since it was captured")

    async def _turn_off(
        self, captured: Captured, order: Order, before: FlagState, *, quick: bool
    ) -> tuple[FlagState, str]:
        """The flag as it is then, and what there is to say of it."""
        off: list[Instruction] = [{"kind": "turnFlagOff"}] if before.on else []
        mark: list[Instruction] = [] if before.mark else [self._mark(order, captured.before)]
        said = "turned off" if off else "was off already"
        if not off and not mark:
            return before, said
        comment = _comment(order, f"{order.halt_id} by {order.invoker}")
        key = captured.target.path
        try:
            after = await self._api.patch(key, [*off, *mark], comment=comment, ignore_conflicts=True, quick=quick)
        except Refused as refusal:
            if not mark or (off and isinstance(refusal, Blocked)):
                raise
            unmarked = f"{said}; no mark could be left on the flag: {refusal.what}"
            if not off:
                return before, unmarked
            return await self._api.patch(key, off, comment=comment, ignore_conflicts=True, quick=quick), unmarked
        if off and after.version > before.version + 1:
            said += "; somebody else changed it at the same moment"
        return after, said

    def _mark(self, order: Order, prior: Mapping[str, Json]) -> Instruction:
        return {
            "kind": "addCustomProperties",
            "key": mark_key(self._environment),
            "name": f"killswitch-console halt ({self._environment})",
            "values": mark_values(order, prior),
        }

    async def compare(self, watch: Watch, order: Order) -> list[FieldChange]:
        """For which fields ``restore`` would raise ``Conflict``; changes nothing. Raises a ``Problem``."""
        return (await self._found(watch, order, await self._api.flag(watch.target.path)))[1]

    async def _found(self, watch: Watch, order: Order, before: FlagState) -> tuple[bool, list[FieldChange]]:
        """Whether it is restored already, and what is not as the halt (or that restore) left it."""
        if await self._is_restored(watch, order, before):
            return True, changes_since({**watch.captured.prior, **watch.accepted.halted}, before)
        return False, await self._changes(watch, order, before)

    async def restore(self, watch: Watch, order: Order) -> Restored:
        """See ``Backend.restore``."""
        prior, key = watch.captured.prior, watch.target.path
        before = await self._api.flag(key)
        untouched = {**prior, **watch.accepted.halted}
        restored, changes = await self._found(watch, order, before)
        if changes:
            raise Conflict(str(watch.target), changes)
        steps = [] if restored else self._steps(watch, order, before)
        if steps:
            comment = _comment(order, f"{_halt_id(watch, order)} restored by {order.invoker}")
            await self._put_back(key, steps, comment)
            before = await self._api.flag(key)
        if before.on != prior["on"] or changes_since(untouched, before):
            raise Problem(str(watch.target), "was restored, but reads back differently", todo="compare it by hand")
        state = "on, as before" if before.on else "off, as before"
        detail = f"read back: {state}, targeting untouched (version {before.version})"
        return Restored(watch.target, self._now(), Evidence(Grade.OBSERVED, detail, self._now()))

    async def _put_back(self, key: str, steps: list[Instruction], comment: str) -> None:
        """Turn on and remove the mark; where the mark cannot be removed, turning on matters more."""
        try:
            await self._api.patch(key, steps, comment=comment)
        except Blocked:
            raise
        except Refused:
            if steps[0]["kind"] != "turnFlagOn" or len(steps) == 1:
                raise
            await self._api.patch(key, steps[:1], comment=comment)

    def _steps(self, watch: Watch, order: Order, found: FlagState) -> list[Instruction]:
        steps: list[Instruction] = []
        if watch.captured.prior["on"] and not found.on:
            steps.append({"kind": "turnFlagOn"})
        if found.mark is not None and found.mark.halt.halt_id == _halt_id(watch, order):
            values = list(found.mark.values)
            steps.append({"kind": "removeCustomProperties", "key": mark_key(self._environment), "values": values})
        return steps

    async def _is_restored(self, watch: Watch, order: Order, found: FlagState) -> bool:
        """Whether it is on as before: this restore was made, and only its answer was lost (or another bastion made it),
        or the halt never got through to it.
        """
        if found.on != watch.captured.prior["on"] or not found.on or found.mark is not None:
            return False
        if not watch.accepted.halted or watch.accepted.halted.get("marked"):
            return True
        switches = await self._api.last_switches(found.key)
        return bool(switches) and f"{_halt_id(watch, order)} restored by " in switches[0].comment

    async def _changes(self, watch: Watch, order: Order, found: FlagState) -> list[FieldChange]:
        """What is not as the halt left it."""
        halted = watch.accepted.halted
        changes = changes_since({**watch.captured.prior, **halted}, found)
        halt_id = _halt_id(watch, order)
        if found.on:
            changes.append(FieldChange("on", False, True))
        if found.mark is not None and found.mark.halt.halt_id != halt_id:
            changes.append(FieldChange("mark", halt_id, found.mark.halt.halt_id))
        moved = FieldChange("version", halted.get("version"), found.version)
        if not changes and watch.captured.prior["on"] and found.version != halted.get("version"):
            # What a trigger did names nobody in the audit log, so that there a moved version alone is a conflict.
            changes += [moved] if halted.get("trigger") else await self._switched_by_others(found, halt_id, moved)
        return changes

    async def foresee(self, watch: Watch, order: Order) -> RestorePreflight:
        """What turning it on again would meet: the API judges the same patch, and makes no change."""
        action = "turn on" if watch.captured.prior["on"] else "stays off, as before the halt"
        preflight = RestorePreflight(watch.target, action)
        try:
            if steps := self._steps(watch, order, await self._api.flag(watch.target.path)):
                await self._api.try_patch(watch.target.path, steps)
        except Refused as problem:
            return replace(preflight, obstacles=(str(problem),))
        except Problem as problem:
            return replace(preflight, unknown=(f"whether it may be turned on: {problem.what}",))
        return preflight

    async def elsewhere(self, watch: Watch, order: Order) -> RestoredElsewhere | None:
        """Whether another console's restore turned it on: the audit log holds every comment, and nobody edits it."""
        found = await self._api.flag(watch.target.path)
        halt_id = _halt_id(watch, order)
        if found.mark is not None and found.mark.halt.halt_id == halt_id:
            return None
        switches = await self._api.last_switches(found.key)
        _, restored, told = (switches[0].comment if switches else "").partition(f"{halt_id} restored by ")
        if not restored:
            return None
        differences = changes_since({**watch.captured.prior, **watch.accepted.halted}, found)
        if found.on != watch.captured.prior["on"]:
            differences.append(FieldChange("on", watch.captured.prior["on"], found.on))
        by = told.partition(":")[0] + (f" (as {switches[0].by})" if switches[0].by else "")
        return RestoredElsewhere(by, switches[0].at, done=True, differences=tuple(differences))

    async def _switched_by_others(self, found: FlagState, halt_id: str, moved: FieldChange) -> list[FieldChange]:
        """Whether it is off by somebody else's later decision: the audit log says who switched it last."""
        try:
            switches = await self._api.last_switches(found.key)
        except Problem:
            return [moved]
        if not switches or _ours(switches[0].comment, halt_id):
            return []
        by = f"off, switched by {switches[0].by or 'somebody'}: {switches[0].comment}"
        return [FieldChange("on", f"off by {halt_id}", by[:200])]


def _past(why: Problem) -> str:
    """What the REST API did, in words that follow its name."""
    return f"{'did not answer' if isinstance(why, Unreachable) else 'refused'} ({why.what})"


def _halt_id(watch: Watch, order: Order) -> str:
    return str(watch.accepted.halted.get("halt_id", order.halt_id))


def _ours(comment: str, halt_id: str) -> bool:
    return comment.startswith(f"killswitch-console {halt_id} ")


def _comment(order: Order, action: str) -> str:
    """What goes into the audit log: ``killswitch-console HALT_ID by INVOKER: REASON``."""
    return f"killswitch-console {action}: {order.reason[:_REASON]}"
