"""One open IAM table: the protocol's operations, each handed to the module that knows how."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from killswitch_backends.ages import Age
from killswitch_backends.attribution import Deed
from killswitch_backends.aws_common.budget import Budgets, Urgency
from killswitch_backends.aws_common.calls import Aws
from killswitch_backends.aws_common.listing import relisted
from killswitch_backends.aws_common.marking import Marks
from killswitch_backends.aws_common.outcomes import outcome
from killswitch_backends.aws_common.tags import RESTORE_AT, RESTORER, announcement_tags, claims_in
from killswitch_backends.aws_common.trail import latest
from killswitch_backends.aws_common.watching import SLACK_SECONDS, observations
from killswitch_backends.aws_iam.api import WRITE_BURST, WRITES_PER_SECOND, IamApi
from killswitch_backends.aws_iam.chaining import TrustGraph
from killswitch_backends.aws_iam.denial import denies_all, deny_all_arn
from killswitch_backends.aws_iam.directory import Unread, account, named
from killswitch_backends.aws_iam.entities import Entity, Kind, Ref, ref_of
from killswitch_backends.aws_iam.foreseeing import foresee
from killswitch_backends.aws_iam.halting import NO_MARK, deny, in_words, tags_of, unmarkable
from killswitch_backends.aws_iam.observing import PACE, look, probed
from killswitch_backends.aws_iam.organization import OrganizationStop
from killswitch_backends.aws_iam.planning import plan_of
from killswitch_backends.aws_iam.pod_identity import PodIdentities
from killswitch_backends.aws_iam.prior import Prior, halted_by, prior_of
from killswitch_backends.aws_iam.probing import Probe
from killswitch_backends.aws_iam.restoring import Restoring
from killswitch_backends.aws_iam.settings import IamSettings
from killswitch_backends.aws_iam.sighting import sighted
from killswitch_backends.checking import Finding
from killswitch_backends.marks import Unmarked
from killswitch_backends.problems import Problem, Unsupported
from killswitch_backends.protocol import (
    Accepted,
    Budget,
    Captured,
    Failure,
    FieldChange,
    Identity,
    Observation,
    Order,
    Preflight,
    Restored,
    Sight,
    Surroundings,
    Watch,
)
from killswitch_backends.recalling import Recalled, RecordedCall
from killswitch_backends.restores import RestoredElsewhere, RestorePreflight, told_of
from killswitch_inventory.sightings import (
    HaltMark,
    ListingComplete,
    ListingStarted,
    Sighting,
    SightingFailed,
    TargetSighting,
)
from killswitch_inventory.targets import BackendRef, Layer, TargetId

DENYING = tuple(f"{verb}{kind.word}Policy" for kind in Kind for verb in ("Put", "Attach"))
"""What CloudTrail calls the changes that can deny an identity."""
REFRESH_SECONDS = 60.0
PARALLEL = 32


class IamBackend:
    """The roles, users and groups of one account. Implements ``protocol.Backend``."""

    layer = Layer.CREDENTIAL

    def __init__(
        self,
        *,
        ref: BackendRef,
        settings: IamSettings,
        aws: Aws,
        api: IamApi,
        budgets: Budgets,
        marks: Marks,
        surroundings: Surroundings,
    ) -> None:
        self.ref = ref
        self._settings, self._aws, self._api, self._marks = settings, aws, api, marks
        self._labels, self._now = surroundings.labels, surroundings.now
        self._trusts: TrustGraph | None = None
        """Who may assume whom, as of the last whole listing."""
        self._budgets = budgets
        self._associations = PodIdentities(aws, budgets, settings.eks_clusters)
        self._aliases: Mapping[str, tuple[str, ...]] = {}
        """Service accounts by the ARN of the role they are associated with."""
        self._organization = self._organization_stop()
        self._probe = Probe(aws) if settings.probe else None

    def _organization_stop(self) -> OrganizationStop | None:
        if self._settings.scp is None:
            return None
        propagation = timedelta(seconds=self._settings.propagation_seconds)
        return OrganizationStop(self._aws, self._settings.scp, self.ref, self._now, propagation)

    @property
    def budget(self) -> Budget:
        return Budget(WRITES_PER_SECOND, burst=WRITE_BURST, parallel=PARALLEL)

    @property
    def unanswered_since(self) -> float | None:
        """See ``protocol.TellsAnswers``."""
        return self._aws.hearing.asked_at

    async def identity(self) -> Identity:
        return await self._aws.identity()

    async def check(self) -> Sequence[Finding]:
        """See ``checking.Checkable``."""
        from killswitch_backends.aws_common.checking import Check
        from killswitch_backends.aws_iam.rights import needs

        return await Check(self._aws, needs(self._settings), self._now).run()

    async def ages(self) -> Sequence[Age]:
        """See ``ages.TellsAges``."""
        from killswitch_backends.aws_common.ages import ages

        return await ages(self._aws)

    def sight(self) -> AsyncIterator[Sighting]:
        return relisted(self._listing, ref=self.ref, every=REFRESH_SECONDS, now=self._now)

    async def _listing(self) -> AsyncIterator[Sighting]:
        yield ListingStarted(self.ref, self._now())
        await outcome(self._aws.identity())  # finds the account's shared budget; whoever needs the name sees it fail
        unseen = await self._read_associations()
        entities, whole = await account(self._api, self._settings.path_prefix, self._now)
        self._trusts = TrustGraph(entities) if whole else None
        for entity in entities:
            aliases = self._aliases.get(entity.arn, ())
            ours = entity.path.startswith(self._settings.path_prefix) or claims_in(entity.tags, self._labels)
            if ours or aliases:
                yield sighted(self.ref, entity, self._labels, entity.read_at, aliases=aliases)
        stop = await outcome(self._organization.sighting()) if self._organization else None
        if isinstance(stop, TargetSighting):
            yield stop
        yield ListingComplete(self.ref, self._now())
        if unseen is not None:
            yield SightingFailed(self.ref, self._now(), f"Pod Identity associations: {unseen}")
        if isinstance(stop, Problem):
            yield SightingFailed(self.ref, self._now(), f"organisation policy: {stop}")

    async def _read_associations(self) -> Problem | None:
        """Learn which service accounts have which role; what is known stays where they cannot be read."""
        found = await outcome(self._associations.aliases())
        if isinstance(found, Problem):
            return found
        self._aliases = found
        return None

    async def deeds(self, targets: Sequence[TargetId]) -> Mapping[TargetId, Deed]:
        """Who denied these identities lately, as CloudTrail tells (``attribution.Attributing``)."""
        names = {target: target.path.partition("/")[2] for target in targets}
        return await latest(self._aws, self._budgets, names, DENYING)

    async def recall(self, calls: Sequence[RecordedCall]) -> Sequence[Recalled]:
        """See ``recalling.Recalling``: from CloudTrail's event history, in the region that tells of IAM."""
        from killswitch_backends.aws_common.recalling import at_home, recalled

        names = {call: call.target.path.rpartition("/")[2] for call in calls}
        identity = await self._aws.identity()
        async with at_home(self._aws, partition=identity.name.split(":")[1]) as home:
            return await recalled(home, self._budgets, calls, names=names, now=self._now())

    async def preflight(self, targets: Sequence[TargetId]) -> Sequence[Preflight]:
        caller = await self.identity()  # without it nobody can tell whether a deny would lock the operator out
        found: dict[TargetId, Preflight] = {}
        if self._organization and self._organization.target in targets:
            found[self._organization.target] = await self._organization.preflight(caller)
        entities = {target: entity async for target, entity in self._entities(targets)}
        together = frozenset(one.arn for one in entities.values() if isinstance(one, Entity))
        for target, entity in entities.items():
            if isinstance(entity, Problem):
                found[target] = Preflight(target, "deny every action", 1, risks=(f"not read: {entity.what}",))
            else:
                members = await self._members(entity.ref)
                found[target] = plan_of(
                    target, entity, caller, trusts=self._trusts, halted_too=together, members=members
                )
        return [found[target] for target in targets]

    async def _members(self, ref: Ref) -> tuple[str, ...]:
        """ARNs of a group's users. Raises a ``Problem``: without them nobody can tell whom its deny locks out."""
        return tuple(await self._api.members(ref.name, Urgency.HALT)) if ref.kind is Kind.GROUP else ()

    async def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        """Always read now: it is cheap (one call for a thousand roles), and nothing else is exact."""
        del fresh
        if self._organization and self._organization.target in targets:
            stop = await outcome(self._organization.capture())
            yield Failure(self._organization.target, stop) if isinstance(stop, Problem) else stop
        async for target, entity in self._entities(targets):
            yield Failure(target, entity) if isinstance(entity, Problem) else _captured(target, entity)

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        if self._organization and captured.target == self._organization.target:
            return await self._organization.halt()
        target, ref = captured.target, ref_of(captured.target)
        request, halted = await deny(self._api, ref, Prior.parse(captured.prior), order)
        at = self._now()
        bound = self._bound(at)
        if ref.kind is not Kind.GROUP:  # which IAM cannot tag: the deny itself names the halt
            self._marks.write(target, order.halt_id, partial(self._api.tag, ref, tags_of(order, halted), Urgency.MARK))
        return Accepted(target, at, request, bound, in_words(ref, halted, bound), halted)

    async def finish_marks(self) -> None:
        """See ``marks.MarksBehind``."""
        await self._marks.finish()

    def unmarked(self) -> Sequence[Unmarked]:
        """See ``marks.MarksBehind``."""
        return self._marks.unmarked()

    def observe(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        return observations(watches, self._look, pace=PACE, now=self._now)

    async def compare(self, watch: Watch, order: Order) -> Sequence[FieldChange]:
        """See ``protocol.Comparing``."""
        if self._organization and watch.target == self._organization.target:
            return []  # its restore compares by itself
        return await Restoring(self._api, watch, order, self._now).compare()

    async def restore(self, watch: Watch, order: Order) -> Restored:
        if self._organization and watch.target == self._organization.target:
            return await self._organization.restore(watch)
        await self._marks.settle(watch.target, order.halt_id)
        return await Restoring(self._api, watch, order, self._now).run()

    async def foresee(self, watches: Sequence[Watch], order: Order) -> Sequence[RestorePreflight]:
        """See ``restores.ForeseesRestores``."""
        del order
        return await foresee(self._aws, self._settings, watches, self._now)

    announces = True

    def notice_seconds(self, targets: int) -> float:
        """See ``restores.SharesRestores``."""
        return PACE.interval(targets) + SLACK_SECONDS

    async def announce(self, watch: Watch, order: Order) -> None:
        """See ``restores.SharesRestores``."""
        await self._api.tag(self._markable(watch.target), announcement_tags(order), Urgency.HALT)

    async def withdraw(self, watch: Watch, order: Order) -> None:
        """See ``restores.SharesRestores``."""
        del order
        await self._api.untag(self._markable(watch.target), [RESTORER, RESTORE_AT], Urgency.HALT)

    async def elsewhere(self, watch: Watch, order: Order, announced: HaltMark | None) -> RestoredElsewhere | None:
        """See ``restores.SharesRestores``; without an announcement nothing is asked."""
        if announced is None:
            return None
        found, left = await Restoring(self._api, watch, order, self._now).left()
        return told_of(announced, found, self._now(), left)

    def _markable(self, target: TargetId) -> Ref:
        """Raises ``Unsupported`` for what IAM cannot tag."""
        if self._organization and target == self._organization.target:
            raise Unsupported(str(target), "an organisation's policy carries no mark")
        ref = ref_of(target)
        if ref.kind is Kind.GROUP:
            raise Unsupported(str(target), "a group carries no mark")
        return ref

    def close(self) -> None:
        """Close what the probe opened."""
        if self._probe is not None:
            self._probe.close()

    async def _look(self, watch: Watch) -> Observation:
        if self._organization and watch.target == self._organization.target:
            return await self._organization.look(watch)
        bound = watch.accepted.bound or self._bound(watch.accepted.at)
        unmarked = self._marks.failure(watch.target)
        if unmarkable(ref_of(watch.target), watch.accepted.halted):
            unmarked = NO_MARK
        seen = await look(self._api, watch, self._now, bound=bound, unmarked=unmarked)
        if self._probe is None or seen.sight not in (Sight.DRAINING, Sight.STOPPED):
            return seen
        return await probed(self._probe, watch, seen)

    def _bound(self, accepted_at: datetime) -> datetime:
        return accepted_at + timedelta(seconds=self._settings.propagation_seconds)

    async def _entities(self, targets: Sequence[TargetId]) -> AsyncIterator[tuple[TargetId, Entity | Problem]]:
        """The identity of each target, or why there is none, in any order."""
        wanted: dict[Ref, TargetId] = {}
        for target in targets:
            if self._organization and target == self._organization.target:
                continue
            try:
                wanted[ref_of(target)] = target
            except Problem as problem:
                yield target, problem
        async for entity in named(self._api, list(wanted), self._now):
            yield wanted[entity.ref], entity.problem if isinstance(entity, Unread) else entity


def _captured(target: TargetId, entity: Entity) -> Captured:
    prior = prior_of(entity)
    return Captured(
        target=target,
        prior=prior.json(),
        at=entity.read_at,
        marked_by=halted_by(entity),
        already_off=denies_all(prior.deny) or deny_all_arn(entity.arn) in prior.attached,
    )
