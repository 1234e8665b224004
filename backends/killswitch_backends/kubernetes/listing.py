"""Whole lists in pages, and how to cover many objects with few lists. Knows nothing of what is listed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.api import LIST_SECONDS, Api
from killswitch_backends.kubernetes.failures import Expired, Unreadable
from killswitch_backends.kubernetes.records import mapping, text
from killswitch_backends.kubernetes.resources import Resource
from killswitch_backends.kubernetes.shapes import Broken, broken

PAGE = 500
_RESTARTS = 3
_MOST_PAGES = 2_000
"""Of one list: a million objects."""
MOST_VALUES = 100
"""Label values in one selector: keeps a request's line under the usual 8 kB."""
_MOST_NAMESPACES = 10
"""With more namespaces than this, one list over all of them is cheaper."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; ``version`` is the collection's resourceVersion, the same on all pages."""

    items: list[Mapping[str, Any]]
    version: str
    broken: Sequence[Broken] = ()
    """Entries that cannot be read, and are not among the items."""


@dataclass(frozen=True, slots=True)
class Query:
    """One list to make: a namespace (None: all) and a label selector (empty: everything)."""

    namespace: str | None
    selector: str = ""


async def pages(api: Api, resource: Resource, query: Query, *, attempts: int = 1) -> AsyncIterator[Page]:
    """List everything, page by page; one consistent snapshot, not from a cache.

    Raises:
        Expired: when the server forgot the snapshot before the last page; the caller begins anew.
        Problem: any other failure.
    """
    parameters = {"limit": str(PAGE)} | ({"labelSelector": query.selector} if query.selector else {})

    def fetch() -> asyncio.Task[Any]:
        path = resource.path(query.namespace)
        asked = api.get(path, dict(parameters), seconds=LIST_SECONDS, attempts=attempts)
        return asyncio.create_task(asked, name=f"page of {resource}")

    left = _MOST_PAGES
    coming: asyncio.Task[Any] | None = fetch()
    try:
        while coming:
            page, follow = _page(await coming, api.where, resource, query)
            coming = None
            if follow:
                left -= 1
                if not left or follow == parameters.get("continue"):
                    raise Unreadable(api.where, f"the list of {resource} does not end")
                parameters["continue"] = follow
                coming = fetch()
                await asyncio.sleep(0)  # the next page is asked for before this one is worked on
            yield page
            del page  # a page parsed takes megabytes: none is kept while the next one is read
    finally:
        if coming:
            coming.cancel()


def _page(answer: Any, where: str, resource: Resource, query: Query) -> tuple[Page, str]:
    """One page, and how to ask for the next one; empty: it is the last."""
    if why := _no_list(answer):
        raise Unreadable(where, f"answered no list of {resource}: {why}")
    whole: list[Mapping[str, Any]] = []
    spoilt: list[Broken] = []
    for item in answer["items"] or ():
        if found := broken(item, namespace=query.namespace, builtin=resource.builtin):
            spoilt.append(found)
        else:
            whole.append(item)
    meta = answer["metadata"]
    return Page(whole, meta["resourceVersion"], spoilt), text(meta.get("continue"))


def _no_list(answer: Any) -> str:
    """Why an answer is no list; empty: it is one. What is no list must not be taken for an empty one."""
    found = mapping(answer)
    meta, listed = mapping(found.get("metadata")), found.get("items", False)
    if not (isinstance(listed, list) or (listed is None and text(found.get("kind")).endswith("List"))):
        return "it has no items"  # null is how Go writes a list that nobody filled
    if not text(meta.get("resourceVersion")):
        return "it has no resourceVersion"
    return "" if isinstance(meta.get("continue"), str | None) else "its continue token is no text"


async def everything(api: Api, resource: Resource, query: Query, *, attempts: int = 1) -> list[Mapping[str, Any]]:
    """List everything at once, beginning anew when the snapshot expires in between.

    Raises:
        Unreadable: an entry cannot be read. What it is, and so what is missing without it, is not known.
        Problem: any other failure.
    """
    for _ in range(_RESTARTS):
        try:
            found: list[Mapping[str, Any]] = []
            async for page in pages(api, resource, query, attempts=attempts):
                found += page.items
                if page.broken:
                    raise Unreadable(api.where, told(resource, page.broken))
        except Expired:
            continue
        return found
    raise Expired(api.where, f"the list of {resource} expired {_RESTARTS} times while it was read")


async def one_object(
    api: Api, resource: Resource, namespace: str | None, name: str, *, attempts: int = 1
) -> Mapping[str, Any]:
    """Read one object. Raises ``Unreadable`` where the answer is not that object, and any other ``Problem``."""
    item = await api.get(resource.path(namespace, name), attempts=attempts)
    if found := broken(item, namespace=namespace, name=name, builtin=resource.builtin):
        raise Unreadable(api.where, f"{resource} that cannot be read: {found}")
    read: Mapping[str, Any] = item
    return read


def told(resource: Resource, spoilt: Sequence[Broken]) -> str:
    """Entries that cannot be read, in words."""
    more = f" and {len(spoilt) - 1} more" if len(spoilt) > 1 else ""
    return f"{resource} that cannot be read: {spoilt[0]}{more}"


def queries_for(wanted: Iterable[tuple[str, Mapping[str, str]]], *, everywhere: bool) -> list[Query]:
    """The few lists that together contain every object with one of these (namespace, labels).

    Objects are found by the one label that tells most of them apart; where there are too many values, or none, the
    whole namespace is listed. With ``everywhere``, many namespaces become one list over all.
    """
    wanted = list(wanted)
    namespaces = {namespace for namespace, _ in wanted}
    if everywhere and len(namespaces) > _MOST_NAMESPACES:
        return [Query(None, _selector([labels for _, labels in wanted]))]
    by_namespace: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for namespace, labels in wanted:
        by_namespace[namespace].append(labels)
    return [Query(namespace, _selector(labels)) for namespace, labels in sorted(by_namespace.items())]


def _selector(wanted: list[Mapping[str, str]]) -> str:
    """A selector that all of these labels satisfy, as narrow as one key allows; empty when none does."""
    common = set.intersection(*(set(labels) for labels in wanted))
    values = {key: {labels[key] for labels in wanted} for key in common}
    if not values:
        return ""
    key = max(sorted(values), key=lambda k: len(values[k]))
    if len(values[key]) > MOST_VALUES:
        return ""
    return f"{key} in ({','.join(sorted(values[key]))})"
