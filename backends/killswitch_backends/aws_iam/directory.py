"""Reading many identities with few calls: one account-wide listing where it is permitted, one by one where not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.helpers import helpers
from killswitch_backends.aws_common.outcomes import or_refusal, outcome
from killswitch_backends.aws_iam.api import IamApi
from killswitch_backends.aws_iam.entities import Entity, Ref
from killswitch_backends.problems import Gone, Problem

FEW = 25
"""Up to this many identities are read one by one (three calls each)."""


@dataclass(frozen=True, slots=True)
class Unread:
    """An identity that could not be read."""

    ref: Ref
    problem: Problem


async def account(api: IamApi, prefix: str, now: Callable[[], datetime]) -> tuple[list[Entity], bool]:
    """Every identity of the account and True; where that listing is not permitted, those under a path and False.

    Raises:
        Problem: when identities cannot be listed.
    """
    everything = await or_refusal(api.everything(now(), Urgency.SIGHT))
    if not isinstance(everything, Problem):
        return everything, True
    refs = await api.refs(prefix, Urgency.SIGHT)
    found = [one async for one in _one_by_one(api, refs, now, Urgency.SIGHT)]
    for one in found:
        if isinstance(one, Unread) and not isinstance(one.problem, Gone):
            raise one.problem
    return [one for one in found if isinstance(one, Entity)], False


async def named(api: IamApi, refs: Sequence[Ref], now: Callable[[], datetime]) -> AsyncIterator[Entity | Unread]:
    """Some identities, in any order."""
    wanted = set(refs)
    if len(wanted) > FEW:
        everything = await outcome(api.everything(now(), Urgency.HALT))
        for entity in [] if isinstance(everything, Problem) else everything:
            if entity.ref in wanted:
                wanted.discard(entity.ref)
                yield entity
    async for one in _one_by_one(api, sorted(wanted), now, Urgency.HALT):
        yield one


async def _one_by_one(
    api: IamApi, refs: Sequence[Ref], now: Callable[[], datetime], urgency: Urgency
) -> AsyncIterator[Entity | Unread]:
    async with helpers() as tasks:
        reads = [tasks.start(_one(api, ref, now, urgency), name=f"read {ref}") for ref in refs]
        for read in asyncio.as_completed(reads):
            yield await read


async def _one(api: IamApi, ref: Ref, now: Callable[[], datetime], urgency: Urgency) -> Entity | Unread:
    entity = await outcome(api.entity(ref, now(), urgency))
    return Unread(ref, entity) if isinstance(entity, Problem) else entity
