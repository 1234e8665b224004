"""The Resource Groups Tagging API: resources of one region by their tags.

IAM roles and users are not among them ("The GetResources operation does not currently support IAM users and roles",
https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html), and neither are
resources that never had a tag; those whose tags were all removed are.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from killswitch_backends.simulator.aws.calls import Answer, Call, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.functions.function import Function
from killswitch_backends.simulator.aws.functions.region import Regions
from killswitch_backends.simulator.aws.pages import page

PAGE = 100
_TYPES = frozenset({"lambda", "lambda:function"})


def operations(regions: Regions) -> dict[str, Operation]:
    return {"GetResources": Operation(run=partial(_resources, regions), action="tag:GetResources")}


def _resources(regions: Regions, call: Call) -> Answer:
    types = call.params.get("ResourceTypeFilters") or ["lambda:function"]
    filters = call.params.get("TagFilters") or []
    functions = regions.of(call).listed() if _TYPES & set(types) else []
    found = [function for function in functions if function.ever_tagged and _fits(function.tags, filters)]
    if "ResourceARNList" in call.params:
        found = [function for function in found if function.arn in call.params["ResourceARNList"]]
    size = call.number("ResourcesPerPage", PAGE)
    if not 1 <= size <= PAGE:
        raise AwsError("ValidationError", f"ResourcesPerPage must be between 1 and {PAGE}")
    marker = call.params.get("PaginationToken")
    chunk, following = page(found, key=lambda function: function.arn, marker=marker, size=size)
    return {"PaginationToken": following or "", "ResourceTagMappingList": [_shown(function) for function in chunk]}


def _fits(tags: Mapping[str, str], filters: list[dict[str, Any]]) -> bool:
    """Every filter must fit; one without values asks only for its key."""
    return all(one["Key"] in tags and (not one.get("Values") or tags[one["Key"]] in one["Values"]) for one in filters)


def _shown(function: Function) -> dict[str, object]:
    return {
        "ResourceARN": function.arn,
        "Tags": [{"Key": key, "Value": value} for key, value in function.tags.items()],
    }
