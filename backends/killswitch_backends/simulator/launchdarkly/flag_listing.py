"""Which flags a list shows: filters, order and pages of ``GET /api/v2/flags/{project}``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlencode

from killswitch_backends.simulator.launchdarkly.failures import InvalidRequest
from killswitch_backends.simulator.launchdarkly.flags import Flag, Json
from killswitch_backends.simulator.launchdarkly.rendering import rest_flag
from killswitch_backends.simulator.launchdarkly.rest import number
from killswitch_backends.simulator.seams import PROJECT

_SORTS: dict[str, Callable[[Flag], Json]] = {
    "creationDate": lambda flag: flag.created,
    "key": lambda flag: flag.key,
    "name": lambda flag: flag.name,
}
_UNFILTERED = ("filterEnv",)


def listing(flags: Iterable[Flag], query: Mapping[str, str], environments: tuple[str, ...]) -> Json:
    """One page of flags, with the total and the links to other pages.

    Raises:
        InvalidRequest: for a filter, an order or a page that cannot be understood.
    """
    limit = number(query, "limit", 20, low=1, high=100)
    offset = number(query, "offset", 0)
    filters = _filters(query)
    chosen = _sorted([flag for flag in flags if _matches(flag, filters)], query.get("sort", ""))
    if filters.get("filterEnv") and filters["filterEnv"] not in environments:
        environments = (*environments, filters["filterEnv"])
    summary = query.get("summary", "true") not in ("0", "false")
    items = [rest_flag(flag, environments=environments, summary=summary) for flag in chosen[offset : offset + limit]]
    return {"items": items, "totalCount": len(chosen), "_links": _links(query, limit, offset, len(chosen))}


def _filters(query: Mapping[str, str]) -> dict[str, str]:
    """The filters of a request, with the older ``tag`` and ``archived`` parameters among them."""
    found: dict[str, str] = {}
    for part in filter(None, query.get("filter", "").split(",")):
        name, colon, value = part.partition(":")
        if not colon or name not in {*_FILTERS, *_UNFILTERED}:
            raise InvalidRequest(f"filter {part!r} is not supported")
        found[name] = value
    if "tag" in query:
        found["tags"] = "+".join(filter(None, (found.get("tags", ""), query["tag"])))
    if query.get("archived") == "true":
        found["archived"] = "true"
    if "archived" not in found and "state" not in found:
        found["archived"] = "false"
    return found


_FILTERS: dict[str, Callable[[Flag, str], bool]] = {
    "tags": lambda flag, value: set(value.split("+")) <= set(flag.tags),
    "query": lambda flag, value: value.lower() in flag.key.lower() or value.lower() in flag.name.lower(),
    "archived": lambda flag, value: flag.archived == (value == "true"),
    "state": lambda flag, value: _state(flag) == value,
}


def _state(flag: Flag) -> str:
    if flag.archived:
        return "archived"
    return "deprecated" if flag.deprecated else "live"


def _matches(flag: Flag, filters: Mapping[str, str]) -> bool:
    return all(_FILTERS[name](flag, value) for name, value in filters.items() if name not in _UNFILTERED)


def _sorted(flags: list[Flag], order: str) -> list[Flag]:
    if not order:
        return flags
    key = _SORTS.get(order.removeprefix("-"))
    if key is None:
        raise InvalidRequest(f"sort {order!r} is not supported")
    return sorted(flags, key=key, reverse=order.startswith("-"))


def _links(query: Mapping[str, str], limit: int, offset: int, total: int) -> Json:
    def link(at: int) -> Json:
        parameters = urlencode({**query, "limit": limit, "offset": at})
        return {"href": f"/api/v2/flags/{PROJECT}?{parameters}", "type": "application/json"}

    links = {"self": link(offset)}
    if offset > 0:
        links |= {"first": link(0), "prev": link(max(0, offset - limit))}
    if offset + limit < total:
        links |= {"next": link(offset + limit), "last": link((total - 1) // limit * limit)}
    return links
