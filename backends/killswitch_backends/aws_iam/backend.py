"""One open IAM table: the protocol's operations, each handed to the module that knows how."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.calls import Aws
from killswitch_backends.aws_common.listing import relisted
from killswitch_backends.aws_common.marking import Marks
from killswitch_backends.aws_common.outcomes import outcome
from killswitch_backends.aws_common.watching import observations
from killswitch_backends.aws_iam.api import WRITE_BURST, WRITES_PER_SECOND, IamApi
from killswitch_backends.aws_iam.denial import denies_all, deny_all_arn
from killswitch_backends.aws_iam.directory import Unread, roles_named, roles_under
from killswitch_backends.aws_iam.halting import deny, in_words, tags_of
from killswitch_backends.aws_iam.observing import PACE, look
from killswitch_backends.aws_iam.planning import plan_of
from killswitch_backends.aws_iam.prior import Prior, halted_by, prior_of
from killswitch_backends.aws_iam.restoring import Restoring
from killswitch_backends.aws_iam.roles import Role, role_name
from killswitch_backends.aws_iam.settings import IamSettings
from killswitch_backends.aws_iam.sighting import sighted
from killswitch_backends.problems import Problem, Unsupported
from killswitch_backends.protocol import (
    Accepted,
    Budget,
    Captured,
    Failure,
    Identity,
    Observation,
    Order,
    Preflight,
    Restored,
    Surroundings,
    Watch,
)
from killswitch_inventory.sightings import ListingComplete, ListingStarted, Sighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId

REFRESH_SECONDS = 60.0
PARALLEL = 32


class IamBackend:
    """The roles of one account. Implements ``protocol.Backend``."""

    layer = Layer.CREDENTIAL

    def __init__(
        self, *, ref: BackendRef, settings: IamSettings, aws: Aws, api: IamApi, marks: Marks, surroundings: Surroundings
    ) -> None:
        self.ref = ref
        self._settings, self._aws, self._api, self._marks = settings, aws, api, marks
        self._labels, self._now = surroundings.labels, surroundings.now

    @property
    def budget(self) -> Budget:
        return Budget(WRITES_PER_SECOND, burst=WRITE_BURST, parallel=PARALLEL)

    async def identity(self) -> Identity:
        return await self._aws.identity()

    def sight(self) -> AsyncIterator[Sighting]:
        return relisted(self._listing, ref=self.ref, every=REFRESH_SECONDS, now=self._now)

    async def _listing(self) -> AsyncIterator[Sighting]:
        yield ListingStarted(self.ref, self._now())
        await outcome(self._aws.identity())  # finds the account's shared budget; whoever needs the name sees it fail
        for role in await roles_under(self._api, self._settings.path_prefix, self._now):
            yield sighted(self.ref, role, self._labels, role.read_at)
        yield ListingComplete(self.ref, self._now())

    async def preflight(self, targets: Sequence[TargetId]) -> Sequence[Preflight]:
        caller = await self.identity()  # without it nobody can tell whether a deny would lock the operator out
        found: dict[TargetId, Preflight] = {}
        async for target, role in self._roles(targets):
            if isinstance(role, Unsupported):
                found[target] = Preflight(target, "none", 0, unsupported=f"{role.what}: {role.todo}")
            elif isinstance(role, Problem):
                found[target] = Preflight(target, "deny every action", 1, risks=(f"not read: {role.what}",))
            else:
                found[target] = plan_of(target, role, caller)
        return [found[target] for target in targets]

    async def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        """Always read now: it is cheap (one call for a thousand roles), and nothing else is exact."""
        del fresh
        async for target, role in self._roles(targets):
            yield Failure(target, role) if isinstance(role, Problem) else _captured(target, role)

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        target, name = captured.target, role_name(captured.target)
        request, halted = await deny(self._api, name, Prior.parse(captured.prior), order)
        at = self._now()
        bound = self._bound(at)
        self._marks.write(target, order.halt_id, partial(self._api.tag, name, tags_of(order, halted), Urgency.MARK))
        return Accepted(target, at, request, bound, in_words(halted, bound), halted)

    def observe(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        return observations(watches, self._look, pace=PACE, now=self._now)

    async def restore(self, watch: Watch, order: Order) -> Restored:
        await self._marks.settle(watch.target, order.halt_id)
        return await Restoring(self._api, watch, order, self._now).run()

    async def _look(self, watch: Watch) -> Observation:
        bound = watch.accepted.bound or self._bound(watch.accepted.at)
        return await look(self._api, watch, self._now, bound=bound, unmarked=self._marks.failure(watch.target))

    def _bound(self, accepted_at: datetime) -> datetime:
        return accepted_at + timedelta(seconds=self._settings.propagation_seconds)

    async def _roles(self, targets: Sequence[TargetId]) -> AsyncIterator[tuple[TargetId, Role | Problem]]:
        """The role of each target, or why there is none, in any order."""
        named: dict[str, TargetId] = {}
        for target in targets:
            try:
                named[role_name(target)] = target
            except Problem as problem:
                yield target, problem
        async for role in roles_named(self._api, list(named), self._now):
            yield named[role.name], role.problem if isinstance(role, Unread) else role


def _captured(target: TargetId, role: Role) -> Captured:
    prior = prior_of(role)
    return Captured(
        target=target,
        prior=prior.json(),
        at=role.read_at,
        marked_by=halted_by(role),
        already_off=denies_all(prior.deny) or deny_all_arn(role.arn) in prior.attached,
    )
