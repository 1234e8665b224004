"""What restoring functions would meet: missing rights, the account's unreserved executions, and what waits in queues.

The account must keep 100 executions unreserved; other functions may have been given, meanwhile, what these had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.calls import Aws
from killswitch_backends.aws_common.checking import Check
from killswitch_backends.aws_common.outcomes import outcome
from killswitch_backends.aws_lambda.api import LambdaApi
from killswitch_backends.aws_lambda.prior import Prior
from killswitch_backends.aws_lambda.rights import NEEDS
from killswitch_backends.checking import Standing
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Watch
from killswitch_backends.restores import RestorePreflight

KEPT_UNRESERVED: Final = 100
"""Executions that AWS keeps for functions without a reservation, whatever one asks for."""

EVENT_AGE: Final = timedelta(hours=6)
"""How long Lambda keeps an asynchronous event that it could not deliver, unless it is told less."""

RESTORES: Final = frozenset(
    f"lambda:{action}"
    for action in (
        *("GetFunction", "GetFunctionConcurrency", "PutFunctionConcurrency", "DeleteFunctionConcurrency"),
        *("UpdateEventSourceMapping", "GetEventSourceMapping", "UntagResource"),
    )
)
"""The actions that a restore of any function takes."""

NAMED: Final = 20
"""Queues that are asked for what waits in them; a class of a thousand functions has its own page for that."""


class Foreseer:
    """Finds out what restores of one table's functions would meet. Every method only reads."""

    def __init__(self, aws: Aws, api: LambdaApi, now: Callable[[], datetime]) -> None:
        self._aws, self._api, self._now = aws, api, now
        self._asked = 0

    async def foresee(self, watches: Sequence[Watch]) -> list[RestorePreflight]:
        """See ``restores.ForeseesRestores``."""
        check = Check(self._aws, [need for need in NEEDS if need.action in RESTORES], self._now)
        findings = await check.rights()
        lacking = tuple(f.what for f in findings if f.standing in (Standing.PROBLEM, Standing.WARNING))
        unknown = tuple(f.what for f in findings if f.standing is Standing.UNKNOWN)
        room = await self._room(watches)
        found = []
        for watch in watches:
            prior = Prior.parse(watch.captured.prior)
            short = room if prior.reserved and not watch.captured.already_off else ()
            preflight = RestorePreflight(watch.target, _action(prior), (*lacking, *short), unknown=unknown)
            found.append(replace(preflight, backlog=tuple(await self._backlog(watch, prior))))
        return found

    async def _room(self, watches: Sequence[Watch]) -> tuple[str, ...]:
        """Why all the reservations cannot be had back at once; empty when they can, or AWS does not tell."""
        wanted = sum(Prior.parse(watch.captured.prior).reserved or 0 for watch in watches)
        if not wanted:
            return ()
        client = await self._api.client()
        answer = await outcome(self._api.ask("", Urgency.SIGHT, client.get_account_settings))
        if isinstance(answer, Problem):
            return ()
        free = answer["AccountLimit"]["UnreservedConcurrentExecutions"]
        if free - wanted >= KEPT_UNRESERVED:
            return ()
        what = f"{wanted} executions are to be reserved again, {max(0, free - KEPT_UNRESERVED)} are free"
        return (f"{what}: lower another function's reservation, raise the account's limit, or restore in parts",)

    async def _backlog(self, watch: Watch, prior: Prior) -> list[str]:
        told = []
        if prior.feeding:
            sources = await outcome(self._sources(watch.target.path, prior.feeding))
            if isinstance(sources, Problem):
                told.append(f"{len(prior.feeding)} event sources: what waits there could not be asked ({sources.what})")
            else:
                told += [await self._waiting(source) for source in sources]
        if not prior.off and self._now() - watch.accepted.at < EVENT_AGE:
            told.append("asynchronous events that came since the halt are delivered now, as far as Lambda kept them")
        return told

    async def _sources(self, name: str, uuids: Sequence[str]) -> list[str]:
        return [(await self._api.event_source(name, uuid, Urgency.SIGHT)).source for uuid in uuids]

    async def _waiting(self, source: str) -> str:
        """What one event source holds, where it can be read."""
        service, name = source.split(":")[2] if source.count(":") >= 5 else "", source.rpartition(":")[2]
        if service != "sqs":
            kind = {"kinesis": "stream", "dynamodb": "table's stream", "kafka": "topics"}.get(service, "source")
            return f"{kind} {name.rpartition('/')[2]}: records since the halt, as far as it kept them"
        self._asked += 1
        if self._asked > NAMED:
            return f"queue {name}: not asked (more than {NAMED} queues)"
        answer = await outcome(self._depth(source))
        if isinstance(answer, Problem):
            return f"queue {name}: how much waits there could not be read ({answer.what})"
        waiting = answer["Attributes"]["ApproximateNumberOfMessages"]
        return f"queue {name}: about {waiting} messages wait and are worked off at once"

    async def _depth(self, source: str) -> Mapping[str, Any]:
        account, name = source.split(":")[4:6]
        client = await self._aws.client("sqs")
        where = f"{self._aws.where}/{name}"
        ask = partial(client.get_queue_url, QueueName=name, QueueOwnerAWSAccountId=account)
        url = (await self._aws.ask(ask, where=where, urgency=Urgency.SIGHT))["QueueUrl"]
        depth = partial(client.get_queue_attributes, QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        found: Mapping[str, Any] = await self._aws.ask(depth, where=where, urgency=Urgency.SIGHT)
        return found


def _action(prior: Prior) -> str:
    if prior.off:
        return "stays at 0, as before the halt"
    parts = ["scale its versions up again"] if prior.scaling is not None else []
    if prior.scaling is None:
        parts.append("remove the reservation of 0" if prior.reserved is None else f"reserve {prior.reserved} again")
    parts += [f"provision {n} on {qualifier}" for qualifier, n in sorted(prior.provisioned.items())]
    parts += [f"enable {len(prior.feeding)} event sources"] if prior.feeding else []
    return ", ".join(parts)
