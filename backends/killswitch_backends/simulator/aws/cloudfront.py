"""Simulated CloudFront, as far as Lambda@Edge goes: which function's version runs at which distribution's behaviours.

Only ``CreateDistribution`` and ``ListDistributions``; what a distribution delivers does not exist here.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from killswitch_backends.simulator.aws.calls import Answer, Call, Members, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.pages import page

PAGE = 100
EDGE_REGION = "us-east-1"
"""Functions that run at the edge are made here, wherever they run."""


class Distributions:
    """The account's distributions. They belong to no region."""

    def __init__(self, *, account: str, rng: Random) -> None:
        self._account, self._rng = account, rng
        self._known: dict[str, Members] = {}

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateDistribution": Operation(run=self.create, mutates=True, status=201),
            "ListDistributions": Operation(run=self.listing),
        }

    def create(self, call: Call) -> Answer:
        config = call.params.get("DistributionConfig", {})
        for arn in _associated(config):
            if arn.split(":")[3:4] != [EDGE_REGION] or not arn.rpartition(":")[2].isdigit():
                raise AwsError(
                    "InvalidLambdaFunctionAssociation",
                    f"The function must be a numbered version in region {EDGE_REGION}: {arn}",
                )
        identifier = f"E{self._rng.getrandbits(48):012X}"
        self._known[identifier] = config
        return {"Distribution": self._shown(identifier)}

    def listing(self, call: Call) -> Answer:
        size = min(call.number("MaxItems", PAGE), PAGE)
        chunk, marker = page(sorted(self._known), key=str, marker=call.params.get("Marker"), size=size)
        summaries = [{"DistributionSummary": self._shown(one)} for one in chunk]
        more = {"IsTruncated": marker is not None} | ({"NextMarker": marker} if marker else {})
        return {"DistributionList": {"MaxItems": size, "Quantity": len(chunk), "Items": summaries, **more}}

    def _shown(self, identifier: str) -> dict[str, Any]:
        arn = f"arn:aws:cloudfront::{self._account}:distribution/{identifier}"
        return {
            "Id": identifier,
            "ARN": arn,
            "Status": "Deployed",
            "DomainName": f"{identifier.lower()}.cloudfront.net",
            **self._known[identifier],
        }


def _associated(value: Any) -> Iterator[str]:
    """Every ``LambdaFunctionARN`` in a structure."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "LambdaFunctionARN":
                yield str(member)
            else:
                yield from _associated(member)
    elif isinstance(value, list):
        for member in value:
            yield from _associated(member)
