"""Ending one pod: a bare one, whose manifest is kept, or one of many, in such a way that nothing replaces it.

One of many is given the lowest deletion cost and its controller one replica less, so that the controller itself removes
it; if it removes another one (pods that are not ready go first), ours is ended as well and that other one comes again.
Of a StatefulSet only the last pod can be ended so, and they come back in the reverse order.
The controller carries the mark: which pods were ended by which halt, and how many replicas there were before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.controllers import (
    REMOVABLE,
    Controlled,
    controlled_by,
    instances_of,
    not_next,
    with_instances,
)
from killswitch_backends.kubernetes.ending import end_pod
from killswitch_backends.kubernetes.listing import one_object
from killswitch_backends.kubernetes.manifests import manifest_of, same_manifest
from killswitch_backends.kubernetes.pods import pod_of
from killswitch_backends.kubernetes.reading import Reader
from killswitch_backends.kubernetes.records import mapping, number, text
from killswitch_backends.kubernetes.resources import PODS, ObjectKey
from killswitch_backends.problems import Changed, Conflict, Gone, Problem, Unsupported
from killswitch_backends.protocol import (
    Accepted,
    Captured,
    Evidence,
    FieldChange,
    Grade,
    Json,
    Order,
    Preflight,
    Profile,
    Restored,
    Watch,
)
from killswitch_inventory.targets import TargetId

_DELETION_COST = "/metadata/annotations/controller.kubernetes.io~1pod-deletion-cost"
_LOWEST = str(-(2**31))
_TRIES = 4
_LOOKS = 12
_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class Single:
    """Ends one pod, and undoes that."""

    api: Api
    reader: Reader
    now: Callable[[], datetime]

    async def preflight(self, target: TargetId) -> Preflight:
        """What ending it means. Raises a ``Problem``."""
        try:
            item = await self._read(ObjectKey.of(target))
        except Gone:
            return Preflight(target, "nothing: it does not exist any more", 0)
        owner = controlled_by(item, self.reader.kinds)
        if owner is None:
            risk = "its manifest is kept by this bastion only: what it had in memory and on local disks is lost"
            return Preflight(target, "delete it, its manifest kept for the restore", 1, risks=(risk,))
        if isinstance(owner, str):
            return Preflight(target, "nothing", 0, unsupported=owner)
        risk = f"an autoscaler of {owner.key.kind} {owner.key.name} may add an instance again"
        controller = await self._controller(owner)
        name = ObjectKey.of(target).name
        if name not in instances_of(controller)[1] and (reason := not_next(owner, controller, name)):
            return Preflight(target, "nothing", 0, unsupported=reason)
        replicas = number(mapping(controller.get("spec")).get("replicas"))
        action = f"end this instance: scale {replicas} -> {(replicas or 1) - 1} with this pod first to go"
        return Preflight(target, action, 2, risks=(risk,))

    async def capture(self, target: TargetId) -> Captured:
        """What a restore needs: a bare pod's manifest, or its controller and the replicas. Raises a ``Problem``."""
        key = ObjectKey.of(target)
        item = await self._read(key)
        pod, owner = pod_of(item), controlled_by(item, self.reader.kinds)
        prior: dict[str, Json] = {"uid": pod.uid, "nodes": [pod.node] if pod.node else [], "grace": pod.grace}
        if isinstance(owner, str):
            raise Unsupported(str(target), owner)
        if owner is None:
            prior["manifest"] = manifest_of(item)
            return Captured(target, prior, self.now(), int(not pod.over), already_off=pod.over)
        controller = await self._controller(owner)
        replicas, ended = instances_of(controller)
        if key.name not in ended and (reason := not_next(owner, controller, key.name)):
            raise Unsupported(str(target), reason)
        now = number(mapping(controller.get("spec")).get("replicas"))
        prior |= {"controller": str(owner.key), "replicas": 1 if now is None else now}
        by = ended.get(key.name)
        if by is not None:
            prior["replicas"] = replicas
        return Captured(target, prior, self.now(), int(not pod.over), by)

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        """End it. Raises a ``Problem``."""
        key, prior = ObjectKey.of(captured.target), captured.prior
        if "manifest" in prior:
            detail = "deleted; its manifest is kept"
        else:
            detail = await self._one_less(key, prior, order)
            await self._until_leaving(key, prior)
        force = order.profile is Profile.FORCE
        try:
            item = await self._read(key)
        except Gone:
            item = {}
        pod = pod_of(item)
        if pod.uid == prior["uid"] and (pod.ends_at is None or force) and (problem := await self._end(item, force)):
            raise problem
        return Accepted(captured.target, self.now(), detail=detail, halted={"halt_id": order.halt_id})

    async def _end(self, item: Mapping[str, Any], force: bool) -> Problem | None:
        return await end_pod(self.api, pod_of(item), at_once=force)

    async def _one_less(self, key: ObjectKey, prior: Mapping[str, Json], order: Order) -> str:
        """Make it the first to go, then take one replica away; nothing if that was done already."""
        owner = Controlled(*self._owner(prior))
        for _ in range(_TRIES):
            controller = await self._controller(owner)
            before, ended = instances_of(controller)
            if key.name in ended:
                return f"{owner.key.kind} {owner.key.name} has one replica less already"
            replicas = number(mapping(controller.get("spec")).get("replicas"))
            if replicas != prior["replicas"] or not replicas:
                raise Changed(f"{self.api.where}/{key}", f"{owner.key} has {replicas} replicas, not as captured")
            if owner.key.kind in REMOVABLE:
                await self._first_to_go(key, prior)
            marked = {**ended, key.name: order.halt_id}
            patch = with_instances(controller, before if ended else replicas, marked, replicas - 1)
            try:
                await self.api.patch(owner.path, patch, where=f"{self.api.where}/{key}")
            except Changed:
                continue
            return f"{owner.key.kind} {owner.key.name} scaled {replicas} -> {replicas - 1}, this pod first to go"
        raise Changed(f"{self.api.where}/{key}", f"{owner.key} keeps changing")

    async def _first_to_go(self, key: ObjectKey, prior: Mapping[str, Json]) -> None:
        item = await self._read(key)
        patch: list[Json] = [{"op": "test", "path": "/metadata/uid", "value": prior["uid"]}]
        if "annotations" not in mapping(item.get("metadata")):
            patch.append({"op": "add", "path": "/metadata/annotations", "value": {}})
        patch.append({"op": "add", "path": _DELETION_COST, "value": _LOWEST})
        await self.api.patch(PODS.path(key.namespace, key.name), patch, where=f"{self.api.where}/{key}")

    async def _until_leaving(self, key: ObjectKey, prior: Mapping[str, Json]) -> None:
        """Give its controller the time to remove it by itself."""
        for _ in range(_LOOKS):
            try:
                pod = pod_of(await self._read(key))
            except Gone:
                return
            if pod.uid != prior["uid"] or pod.ends_at is not None:
                return
            await asyncio.sleep(_PAUSE)

    async def compare(self, watch: Watch) -> list[FieldChange]:
        """What keeps a restore from putting it back."""
        prior, key = watch.captured.prior, ObjectKey.of(watch.target)
        if "manifest" in prior:
            try:
                item = await self._read(key)
            except Gone:
                return []
            ours = same_manifest(item, prior["manifest"]) or text(_meta(item).get("uid")) == prior["uid"]
            return [] if ours else [FieldChange("pod", None, "another pod of this name")]
        controller = await self._controller(Controlled(*self._owner(prior)))
        before, ended = instances_of(controller)
        replicas = number(mapping(controller.get("spec")).get("replicas"))
        if key.name not in ended:
            return []
        if replicas != before - len(ended):
            return [FieldChange("replicas", before - len(ended), replicas)]
        reason = not_next(Controlled(*self._owner(prior)), controller, key.name, back=True)
        return [FieldChange("instances", key.name, reason)] if reason else []

    async def restore(self, watch: Watch) -> Restored:
        """Give it back: the pod by its manifest, or the replica. Raises ``Conflict`` or another ``Problem``."""
        if changes := await self.compare(watch):
            raise Conflict(str(watch.target), changes)
        key, prior = ObjectKey.of(watch.target), watch.captured.prior
        detail = await (self._make_again(key, prior) if "manifest" in prior else self._one_more(key, prior))
        return Restored(watch.target, self.now(), Evidence(Grade.OBSERVED, detail, self.now()))

    async def _make_again(self, key: ObjectKey, prior: Mapping[str, Json]) -> str:
        try:
            item = await self._read(key)
        except Gone:
            await self.api.call("POST", PODS.path(key.namespace), body=prior["manifest"])
            item = await self._read(key)
        if "deletionTimestamp" in _meta(item):
            raise Changed(f"{self.api.where}/{key}", "the old pod has not ended yet")
        if not same_manifest(item, prior["manifest"]):
            raise Conflict(f"{self.api.where}/{key}", [FieldChange("pod", "as its manifest", "another")])
        return f"read back: made again from its manifest, at resourceVersion {_meta(item).get('resourceVersion')}"

    async def _one_more(self, key: ObjectKey, prior: Mapping[str, Json]) -> str:
        owner = Controlled(*self._owner(prior))
        for _ in range(_TRIES):
            controller = await self._controller(owner)
            before, ended = instances_of(controller)
            replicas = number(mapping(controller.get("spec")).get("replicas")) or 0
            if key.name not in ended:
                return f"it already was: {owner.key.kind} {owner.key.name} has {replicas} replicas"
            left = {name: by for name, by in ended.items() if name != key.name}
            patch = with_instances(controller, before, left, replicas + 1)
            try:
                await self.api.patch(owner.path, patch, where=f"{self.api.where}/{key}")
            except Changed:
                continue
            return f"read back: {owner.key.kind} {owner.key.name} has {replicas + 1} replicas again"
        raise Changed(f"{self.api.where}/{key}", f"{owner.key} keeps changing")

    def _owner(self, prior: Mapping[str, Json]) -> tuple[ObjectKey, str]:
        key = ObjectKey(*str(prior["controller"]).split("/"))
        return key, self.reader.kind_of(key).resource.path(key.namespace, key.name)

    async def _read(self, key: ObjectKey) -> Mapping[str, Any]:
        return await one_object(self.api, PODS, key.namespace, key.name, attempts=3)

    async def _controller(self, owner: Controlled) -> Mapping[str, Any]:
        return await self.reader.item(owner.key, attempts=3)


def _meta(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(item.get("metadata"))
