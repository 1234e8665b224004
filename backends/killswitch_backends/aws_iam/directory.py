"""Reading many roles with few calls: one account-wide listing where it is permitted, role by role where not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.helpers import helpers
from killswitch_backends.aws_common.outcomes import or_refusal, outcome
from killswitch_backends.aws_iam.api import IamApi
from killswitch_backends.aws_iam.roles import Role
from killswitch_backends.problems import Gone, Problem

FEW = 25
"""Up to this many roles are read one by one (three calls each)."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A role that could not be read."""

    name: str
    problem: Problem


async def roles_under(api: IamApi, prefix: str, now: Callable[[], datetime]) -> list[Role]:
    """Every role under a path.

    Raises:
        Problem: when roles cannot be listed.
    """
    detailed = await or_refusal(api.all_roles(prefix, now(), Urgency.SIGHT))
    if not isinstance(detailed, Problem):
        return detailed
    names = await api.role_names(prefix, Urgency.SIGHT)
    found = [one async for one in _one_by_one(api, names, now, Urgency.SIGHT)]
    for one in found:
        if isinstance(one, Unread) and not isinstance(one.problem, Gone):
            raise one.problem
    return [one for one in found if isinstance(one, Role)]


async def roles_named(api: IamApi, names: Sequence[str], now: Callable[[], datetime]) -> AsyncIterator[Role | Unread]:
    """Some roles by name, in any order."""
    wanted = set(names)
    if len(wanted) > FEW:
        detailed = await outcome(api.all_roles("/", now(), Urgency.HALT))
        for role in [] if isinstance(detailed, Problem) else detailed:
            if role.name in wanted:
                wanted.discard(role.name)
                yield role
    async for one in _one_by_one(api, sorted(wanted), now, Urgency.HALT):
        yield one


async def _one_by_one(
    api: IamApi, names: Sequence[str], now: Callable[[], datetime], urgency: Urgency
) -> AsyncIterator[Role | Unread]:
    async with helpers() as tasks:
        reads = [tasks.start(_one(api, name, now, urgency), name=f"role {name}") for name in names]
        for read in asyncio.as_completed(reads):
            yield await read


async def _one(api: IamApi, name: str, now: Callable[[], datetime], urgency: Urgency) -> Role | Unread:
    role = await outcome(api.role(name, now(), urgency))
    return Unread(name, role) if isinstance(role, Problem) else role
