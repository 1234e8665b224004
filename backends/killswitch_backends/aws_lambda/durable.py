"""Durable executions: runs that outlive every Timeout because Lambda suspends them and invokes the function again.

A halt pauses each one (Lambda then does not invoke the function for it), a restore resumes those that it paused.
Pausing does not keep new executions from starting: the reservation of 0 does. Source: Lambda developer guide,
"Pausing and resuming durable executions".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.calls import platform_code
from killswitch_backends.aws_common.errors import BUSY
from killswitch_backends.aws_lambda.api import LambdaApi
from killswitch_backends.problems import Gone, Problem

RUNNING, PAUSING, PAUSED = "RUNNING", "PAUSING", "PAUSED"
ALIVE = (RUNNING, PAUSING, PAUSED)
_CLOCKS = timedelta(seconds=5)
"""By how much AWS's clock and the clock that wrote a mark may differ."""


async def executions(api: LambdaApi, name: str, urgency: Urgency) -> dict[str, str]:
    """Status by ARN of the executions of a function that have not ended."""
    client: Any = await api.client()
    call = partial(client.list_durable_executions_by_function, FunctionName=name, Statuses=list(ALIVE))
    return {
        one["DurableExecutionArn"]: one["Status"]
        async for page in api.pages(name, urgency, call)
        for one in page.get("DurableExecutions", [])
        if one.get("Status") in ALIVE
    }


async def before_halt(
    api: LambdaApi, name: str, found: Mapping[str, str], marked_at: datetime, urgency: Urgency
) -> dict[str, str]:
    """What the executions of a function that carries a mark were before its halt: what was paused since then ran."""
    return {
        arn: RUNNING if status == RUNNING or await _paused_since(api, name, arn, marked_at, urgency) else PAUSED
        for arn, status in found.items()
    }


async def _paused_since(api: LambdaApi, name: str, arn: str, since: datetime, urgency: Urgency) -> bool:
    client: Any = await api.client()
    call = partial(client.get_durable_execution, DurableExecutionArn=arn, IncludeExecutionData=False)
    details = (await api.ask(name, urgency, call)).get("PauseDetails", {})
    requested = details.get("PauseRequestTimestamp")
    return requested is not None and requested >= since - _CLOCKS


async def pause(api: LambdaApi, name: str, arn: str, halt_id: str) -> None:
    """Pause one execution (202: it takes until its next checkpoint). Ended or paused already is no error."""
    client: Any = await api.client()
    await _unless_over(api, name, partial(client.pause_durable_execution, DurableExecutionArn=arn, Reason=halt_id))


async def resume(api: LambdaApi, name: str, arn: str, halt_id: str) -> None:
    """Let one execution go on. Ended or running already is no error."""
    client: Any = await api.client()
    await _unless_over(api, name, partial(client.resume_durable_execution, DurableExecutionArn=arn, Reason=halt_id))


async def _unless_over(api: LambdaApi, name: str, call: Any) -> None:
    """A conflict says that its state does not allow the change any more; whoever asked looks at the state again."""
    try:
        await api.ask(name, Urgency.HALT, call)
    except Gone:
        return
    except Problem as problem:
        if platform_code(problem) not in BUSY:
            raise
