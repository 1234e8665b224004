"""Functions on Lambda Managed Instances: they have no reservation; each published version is scaled to no environment.

Environments there run all the time, so that between two runs something may act too: only a version whose environments
are gone (``Deactivated``) has stopped. Source: PutFunctionScalingConfig, GetFunctionScalingConfig.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.outcomes import outcome
from killswitch_backends.aws_lambda.api import LambdaApi
from killswitch_backends.aws_lambda.functions import LATEST, Scaling
from killswitch_backends.problems import Gone, Problem

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import FunctionScalingConfigTypeDef

LATEST_PUBLISHED = "$LATEST.PUBLISHED"
NONE = (0, 0)
_EMPTY_STATES = frozenset({"Deactivated", "Inactive"})

Pair = tuple[int | None, int | None]


async def scaling(api: LambdaApi, name: str, versions: Iterable[str], urgency: Urgency) -> Scaling:
    """The requested scaling of every version that can have environments."""
    wanted = {version for version in versions if version != LATEST} | {LATEST_PUBLISHED}
    found = {version: await _scaling_of(api, name, version, urgency) for version in sorted(wanted)}
    return {version: pair[0] for version, pair in found.items() if pair is not None}


async def _scaling_of(api: LambdaApi, name: str, version: str, urgency: Urgency) -> tuple[Pair, Pair] | None:
    """Requested and applied scaling of one version; None when there is no such version."""
    client = await api.client()
    call = partial(client.get_function_scaling_config, FunctionName=name, Qualifier=version)
    answer = await outcome(api.ask(name, urgency, call))
    if isinstance(answer, Gone):
        return None
    if isinstance(answer, Problem):
        raise answer
    return _pair(answer.get("RequestedFunctionScalingConfig")), _pair(answer.get("AppliedFunctionScalingConfig"))


def _pair(config: FunctionScalingConfigTypeDef | None) -> Pair:
    known = config or {}
    return known.get("MinExecutionEnvironments"), known.get("MaxExecutionEnvironments")


async def scale(api: LambdaApi, name: str, version: str, pair: Pair) -> str | None:
    """Request a scaling of one version (202); (None, None) asks for AWS's default. Returns the request id."""
    client = await api.client()
    least, most = pair
    config: FunctionScalingConfigTypeDef = {}
    if least is not None:
        config["MinExecutionEnvironments"] = least
    if most is not None:
        config["MaxExecutionEnvironments"] = most
    more = {"FunctionScalingConfig": config} if config else {}
    put = partial(client.put_function_scaling_config, FunctionName=name, Qualifier=version, **more)
    answer = await api.ask(name, Urgency.HALT, put)
    return answer["ResponseMetadata"].get("RequestId")


async def still_there(api: LambdaApi, name: str, versions: Mapping[str, Pair]) -> tuple[list[str], list[str]]:
    """Versions whose requested scaling is not 0 (any more), and those whose environments are not gone yet."""
    looks = await asyncio.gather(*(_look(api, name, version) for version in versions))
    return [one for one, revived, _ in looks if revived], [one for one, _, there in looks if there]


async def _look(api: LambdaApi, name: str, version: str) -> tuple[str, bool, bool]:
    pairs = await _scaling_of(api, name, version, Urgency.PROVE)
    if pairs is None:
        return version, False, False
    requested, applied = pairs
    if requested[1] != 0:
        return version, True, True
    if applied[1] != 0:
        return version, False, True
    reading = await outcome(api.read(name, Urgency.PROVE, qualifier=version))
    if isinstance(reading, Gone):
        return version, False, False
    if isinstance(reading, Problem):
        raise reading
    return version, False, reading.function.state not in _EMPTY_STATES
