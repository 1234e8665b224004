"""``check`` of a cluster: do we reach it, as whom, with which rights, how far apart are the clocks. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from killswitch_backends.checking import Finding, Standing
from killswitch_backends.clocks import skew
from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.identity import whoami
from killswitch_backends.kubernetes.records import mapping, text
from killswitch_backends.kubernetes.rights import NEEDS, Need
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_backends.problems import Problem

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_PARALLEL = 8
_BEYOND_RBAC = "system:masters"


class Check:
    """One look at one table."""

    def __init__(self, api: Api, settings: KubernetesSettings, now: Callable[[], datetime]) -> None:
        self._api, self._settings, self._now = api, settings, now
        self._slots = asyncio.Semaphore(_PARALLEL)

    async def run(self) -> list[Finding]:
        """All findings."""
        try:
            who = await whoami(self._api)
            at = await self._api.server_time()
        except Problem as problem:
            return [self._finding(Standing.PROBLEM, f"cannot be used: {problem.what}", problem.todo)]
        found = [self._finding(Standing.OK, f"acts as {who.name} at {who.account}")]
        if _BEYOND_RBAC in who.related:
            what = f"acts as a member of {_BEYOND_RBAC}: its rights cannot be limited, nor taken away"
            found.append(self._finding(Standing.WARNING, what, "use a group that a RoleBinding names"))
        found.append(skew(self._api.where, at, self._now()))
        return [*found, *await self._rights()]

    async def _rights(self) -> list[Finding]:
        places: Sequence[str] = self._settings.namespaces or ("",)
        asked = [
            (need, verb, "" if need.cluster else place)
            for need in NEEDS
            for verb in need.verbs
            for place in places
            if not need.custom
        ]
        answers = await asyncio.gather(*(self._allowed(*one) for one in asked))
        missing = [one for one, allowed in zip(asked, answers, strict=True) if allowed is False]
        unknown = [one for one, allowed in zip(asked, answers, strict=True) if allowed is None]
        found = [self._lacking(*one) for one in missing]
        if unknown:
            found.append(self._finding(Standing.UNKNOWN, f"{len(unknown)} rights could not be looked up"))
        if not missing and not unknown:
            found.append(self._finding(Standing.OK, f"all {len(asked)} rights that it needs are given"))
        return found

    async def _allowed(self, need: Need, verb: str, namespace: str) -> bool | None:
        attributes = {"verb": verb, "group": need.group, "resource": need.resource}
        if namespace:
            attributes["namespace"] = namespace
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        try:
            async with self._slots:
                answer = await self._api.call("POST", _REVIEWS, body=body)
        except Problem:
            return None
        return bool(mapping(mapping(answer).get("status")).get("allowed"))

    def _lacking(self, need: Need, verb: str, namespace: str) -> Finding:
        where = f" in {namespace}" if namespace else " in every namespace" if not need.cluster else ""
        standing = Standing.PROBLEM if need.vital else Standing.WARNING
        what = f"may not {verb} {text(need.resource)}{where}: cannot {need.why}"
        return self._finding(standing, what, "see `policy kubernetes`")

    def _finding(self, standing: Standing, what: str, todo: str = "") -> Finding:
        return Finding(self._api.where, standing, what, todo)
