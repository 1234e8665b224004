"""What a cluster serves beyond the built-in kinds, by aggregated discovery where the server knows it.

Asked when it is first needed, and again when a kind is missed: what revives agents may be installed while this runs.

Kinds of workload found here join the catalogue that every other module looks kinds up in.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.failures import Unreadable
from killswitch_backends.kubernetes.kinds import every_kind
from killswitch_backends.kubernetes.kinds.agents import agent_kind
from killswitch_backends.kubernetes.kinds.keda import keda_kind
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.kinds.scalable import scalable
from killswitch_backends.kubernetes.kinds.serving import serving_kind
from killswitch_backends.kubernetes.records import items, mapping, text
from killswitch_backends.kubernetes.resources import DEFINITIONS, Resource
from killswitch_backends.problems import Gone, Problem, Refused

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
_ATTEMPTS = 3
_UNKNOWN_SECONDS = 20.0
"""A kind of target that is not known is asked for again after so long."""
_STALE_SECONDS = 180.0
"""A kind of reviver that is not served, after so long: longer than the mirror's own turn, so no halt waits for it."""
# What has another shape is no resource that could be asked for: names become parts of paths.
_WORD = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_VERSION = re.compile(rf"(?:{_WORD.pattern}/)?{_WORD.pattern}")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_REPLICAS, _SELECTOR = ".spec.replicas", ".status.selector"
"""Where most definitions say that they are."""
_REPLICAS_PATH = re.compile(r"\.spec(?:\.[A-Za-z0-9_-]{1,63}){1,10}")
"""What the API server accepts as such (apiextensions' validation): nothing outside ``spec`` is ever patched by it."""
_SELECTOR_PATH = re.compile(r"\.(?:spec|status)(?:\.[A-Za-z0-9_-]{1,63}){1,10}")


@dataclass(frozen=True, slots=True)
class Served:
    """One resource that the cluster serves, in the version it prefers."""

    group: str
    version: str
    kind: str
    resource: Resource
    namespaced: bool
    scalable: bool


class Catalogue:
    """The kinds of one cluster: the built-in ones at once, custom ones once they were discovered."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = asyncio.Lock()
        self._served: dict[tuple[str, str], Served] | None = None
        self._asked_at = float("-inf")
        self._builtin = every_kind()
        self._unread: set[tuple[str, str]] = set()
        """Kinds whose definition gave no answer: they are learnt as most are, until it does."""
        self.kinds: dict[str, Kind] = dict(self._builtin)
        """By name; the same mapping throughout, so that whoever holds it sees what is discovered later."""

    async def know(self, kinds: Iterable[str]) -> None:
        """Have these kinds in the catalogue, if they are served. Raises a ``Problem`` where that cannot be asked."""
        if any(kind not in self.kinds for kind in kinds):
            await self.discover(older_than=_UNKNOWN_SECONDS)

    async def serves(self, group: str, kind: str) -> Served | None:
        """Where the cluster serves a kind, if it does. Raises a ``Problem`` where it cannot be asked."""
        if found := (await self.discover()).get((group, kind)):
            return found
        return (await self.discover(older_than=_STALE_SECONDS)).get((group, kind))

    async def discover(self, *, older_than: float | None = None) -> Mapping[tuple[str, str], Served]:
        """Everything the cluster serves, by group and kind. Raises a ``Problem``.

        Args:
            older_than: ask again if the last answer is older than so many seconds; None: any answer will do.
        """
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._served is None or (older_than is not None and now - self._asked_at > older_than):
                served = {(found.group, found.kind): found for found in reversed(await self._ask())}
                known = self._served or {}
                asked = {key for key, found in served.items() if known.get(key) != found} | self._unread
                await self._learn({key: served[key] for key in asked if key in served})
                self._served, self._asked_at = served, now
            return self._served

    async def _ask(self) -> list[Served]:
        answer = mapping(await self._api.get("/apis", accept=_AGGREGATED, attempts=_ATTEMPTS))
        if answer.get("kind") == "APIGroupDiscoveryList":
            return [served for group in items(answer.get("items")) for served in _of_group(group)]
        if not isinstance(answer.get("groups"), list):
            raise Unreadable(self._api.where, "answered no list of what it serves")
        told = [text(mapping(group.get("preferredVersion")).get("groupVersion")) for group in items(answer["groups"])]
        wanted = [version for version in told if _VERSION.fullmatch(version)]
        async with asyncio.TaskGroup() as tasks:
            lists = [tasks.create_task(self._of_version(version), name=f"discover {version}") for version in wanted]
        return [served for listed in lists for served in listed.result()]

    async def _of_version(self, version: str) -> list[Served]:
        """One group's preferred version, as servers before 1.30 tell it; a group that is broken is left out."""
        try:
            answer = mapping(await self._api.get(f"/apis/{version}", attempts=_ATTEMPTS))
        except Problem:  # an aggregated API whose server is down must not hide the others
            return []
        listed = items(answer.get("resources"))
        scaled = {text(r.get("name")).removesuffix("/scale") for r in listed if text(r.get("name")).endswith("/scale")}
        group, _, number = version.rpartition("/")
        return [
            Served(
                group,
                number,
                text(r.get("kind")),
                Resource(f"/apis/{version}", text(r.get("name"))),
                r.get("namespaced") is True,
                text(r.get("name")) in scaled,
            )
            for r in listed
            if _WORD.fullmatch(text(r.get("name"))) and _KIND.fullmatch(text(r.get("kind")))
        ]

    async def _learn(self, served: Mapping[tuple[str, str], Served]) -> None:
        """Take in kinds that are new, or served in another version than before; no built-in one is replaced."""
        async with asyncio.TaskGroup() as tasks:
            made = [
                tasks.create_task(self._kind_of(found), name=f"learn {found.kind}")
                for found in served.values()
                if found.namespaced and _is_custom(found.group)
            ]
        for kind in [kind for task in made if (kind := task.result())]:
            if kind.name not in self._builtin:
                self.kinds[kind.name] = kind

    async def _kind_of(self, found: Served) -> Kind | None:
        group, name, place = found.group, found.kind, found.resource
        known = (
            agent_kind(group, found.version, name, place)
            or serving_kind(group, name, place)
            or keda_kind(group, name, place)
        )
        if known or not found.scalable:
            return known
        return scalable(found.kind, found.resource, *await self._scale_paths(found))

    async def _scale_paths(self, found: Served) -> tuple[str, str]:
        """Where the definition says that replicas and selector are; where they usually are, as long as it is unread."""
        usual, key = (_REPLICAS, _SELECTOR), (found.group, found.kind)
        self._unread.discard(key)
        try:
            name = f"{found.resource.plural}.{found.group}"
            definition = mapping(await self._api.get(DEFINITIONS.path(name=name), attempts=_ATTEMPTS))
        except (Refused, Gone):  # no right, or no definition behind it: that will not change
            return usual
        except Problem:  # said by preflight as a risk would be too much: these are the paths of all known kinds
            self._unread.add(key)
            return usual
        for version in items(mapping(definition.get("spec")).get("versions")):
            if version.get("name") == found.version:
                scale = mapping(mapping(version.get("subresources")).get("scale"))
                replicas, selector = text(scale.get("specReplicasPath")), text(scale.get("labelSelectorPath"))
                return (
                    replicas if _REPLICAS_PATH.fullmatch(replicas) else _REPLICAS,
                    selector if _SELECTOR_PATH.fullmatch(selector) else _SELECTOR,
                )
        return usual


def _is_custom(group: str) -> bool:
    """Whether a group is not one of Kubernetes itself (``apps``, ``networking.k8s.io``)."""
    return "." in group and not group.endswith(".k8s.io")


def _of_group(group: Mapping[str, object]) -> list[Served]:
    """A group's resources, each in the first version that has it (versions are listed by preference)."""
    name = text(mapping(group.get("metadata")).get("name"))
    found: dict[str, Served] = {}
    if not _WORD.fullmatch(name):
        return []
    for version in items(group.get("versions")):
        number = text(version.get("version"))
        for resource in items(version.get("resources")):
            kind = text(mapping(resource.get("responseKind")).get("kind"))
            plural = text(resource.get("resource"))
            if not (_WORD.fullmatch(number) and _WORD.fullmatch(plural) and _KIND.fullmatch(kind)):
                continue
            scaled = any(sub.get("subresource") == "scale" for sub in items(resource.get("subresources")))
            place = Resource(f"/apis/{name}/{number}", plural)
            found.setdefault(kind, Served(name, number, kind, place, resource.get("scope") == "Namespaced", scaled))
    return list(found.values())
