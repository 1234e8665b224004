"""Every identity and managed policy of the account, and the clock by which changes reach the data plane."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from datetime import UTC, datetime

from killswitch_backends.simulator.aws.behaviour import Behaviour
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.iam.documents import identity_policy
from killswitch_backends.simulator.aws.iam.entities import Entity, Grants, Kind, Managed
from killswitch_backends.simulator.clock import Clock

_IDENTIFIERS = {Kind.ROLE: "AROA", Kind.USER: "AIDA", Kind.GROUP: "AGPA"}
_KINDS = {kind.value: kind for kind in Kind}
_WORDS = {Kind.ROLE: "role", Kind.USER: "user", Kind.GROUP: "group"}

AWS_MANAGED = {
    "AdministratorAccess": '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
    "AWSDenyAll": (
        '{"Version":"2012-10-17","Statement":[{"Sid":"DenyAll","Effect":"Deny","Action":["*"],"Resource":"*"}]}'
    ),
    "service-role/AWSLambdaBasicExecutionRole": (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream",'
        '"logs:PutLogEvents"],"Resource":"*"}]}'
    ),
    "AmazonBedrockFullAccess": (
        '{"Version":"2012-10-17","Statement":[{"Sid":"BedrockAll","Effect":"Allow","Action":["bedrock:*"],"Resource":"*"}]}'
    ),
}
"""The AWS managed policies that exist here, by the end of their ARN (AWS has over a thousand)."""


class Directory:
    """The account's IAM state."""

    def __init__(self, *, account: str, behaviour: Behaviour, rng: random.Random, clock: Clock) -> None:
        self.account = account
        self.clock = clock
        self._behaviour = behaviour
        self._rng = rng
        self._entities: dict[Kind, dict[str, Entity]] = {kind: {} for kind in Kind}
        self._by_arn: dict[str, Entity] = {}
        self._sorted: dict[Kind, list[Entity] | None] = dict.fromkeys(Kind)
        self.managed: dict[str, Managed] = {}
        for tail, text in AWS_MANAGED.items():
            self._add_aws_managed(tail, text)

    # -- identities ----------------------------------------------------------------------------------------------

    def find(self, kind: Kind, name: str) -> Entity:
        """An identity by its name, in whatever case.

        Raises:
            AwsError: ``NoSuchEntity``.
        """
        entity = self._entities[kind].get(name.lower())
        if entity is None:
            raise AwsError("NoSuchEntity", f"The {_WORDS[kind]} with name {name} cannot be found.", status=404)
        return entity

    def by_arn(self, arn: str) -> Entity | None:
        """The identity with this ARN; an assumed role's session ARN finds its role."""
        entity = self._by_arn.get(arn)
        if entity is not None or ":assumed-role/" not in arn:
            return entity
        role = arn.partition(":assumed-role/")[2].partition("/")[0]
        return self._entities[Kind.ROLE].get(role.lower())

    def all(self, kind: Kind) -> list[Entity]:
        """Every identity of a kind, sorted by name."""
        known = self._sorted[kind]
        if known is None:
            known = self._sorted[kind] = sorted(self._entities[kind].values(), key=lambda entity: entity.name)
        return known

    def add(self, kind: Kind, name: str, *, path: str) -> Entity:
        """Make an identity.

        Raises:
            AwsError: ``EntityAlreadyExists``; names differ in more than case.
        """
        if name.lower() in self._entities[kind]:
            raise AwsError(
                "EntityAlreadyExists", f"{_WORDS[kind].capitalize()} with name {name} already exists.", status=409
            )
        arn = f"arn:aws:iam::{self.account}:{kind}{path}{name}"
        entity = Entity(kind, name, path, arn, self.identifier(_IDENTIFIERS[kind]), self.now())
        self._entities[kind][name.lower()] = self._by_arn[arn] = entity
        self._sorted[kind] = None
        return entity

    def remove(self, entity: Entity) -> None:
        del self._entities[entity.kind][entity.name.lower()], self._by_arn[entity.arn]
        self._sorted[entity.kind] = None

    def members(self, group: str) -> Iterator[Entity]:
        """The users in a group."""
        return (user for user in self.all(Kind.USER) if group in user.groups)

    # -- what they may do ----------------------------------------------------------------------------------------

    def changed(self, entity: Entity) -> None:
        """Note that an identity's policies changed: the data plane learns it after a drawn time."""
        entity.changed(reaches_at=self.clock.elapsed() + self._rng.uniform(*self._behaviour.propagation))

    def effective(self, entity: Entity) -> Grants:
        """What the data plane knows an identity to have now, its groups' policies included."""
        now = self.clock.elapsed()
        own = entity.effective(now)
        return own if not own.groups else self._joined(own, [group.effective(now) for group in self._groups(own)])

    def granted(self, entity: Entity) -> Grants:
        """What the control plane says an identity has, its groups' policies included."""
        own = entity.granted()
        return own if not own.groups else self._joined(own, [group.granted() for group in self._groups(own)])

    def _groups(self, grants: Grants) -> list[Entity]:
        known = self._entities[Kind.GROUP]
        return [known[name.lower()] for name in grants.groups if name.lower() in known]

    def _joined(self, own: Grants, groups: list[Grants]) -> Grants:
        inherited = tuple(document for group in groups for document in group.documents)
        return Grants(own.documents + inherited, own.boundary)

    # -- managed policies ----------------------------------------------------------------------------------------

    def add_managed(self, name: str, *, path: str, text: str) -> Managed:
        """Make a customer managed policy."""
        arn = f"arn:aws:iam::{self.account}:policy{path}{name}"
        if arn in self.managed:
            raise AwsError("EntityAlreadyExists", f"A policy called {name} already exists.", status=409)
        policy = Managed(name, arn, self.identifier("ANPA"), path, identity_policy(text), self.now())
        self.managed[arn] = policy
        return policy

    def _add_aws_managed(self, tail: str, text: str) -> None:
        path, _, name = f"/{tail}".rpartition("/")
        arn = f"arn:aws:iam::aws:policy/{tail}"
        born = datetime(2015, 2, 6, tzinfo=UTC)
        self.managed[arn] = Managed(name, arn, self.identifier("ANPA"), f"{path}/", identity_policy(text), born)

    def attachments(self, arn: str) -> int:
        """How many identities a managed policy is attached to."""
        return sum(arn in entity.attached for entities in self._entities.values() for entity in entities.values())

    # -- small things --------------------------------------------------------------------------------------------

    def identifier(self, prefix: str) -> str:
        """A new unique id such as ``AROA...``."""
        return prefix + "".join(self._rng.choices(string.ascii_uppercase + string.digits, k=17))

    def now(self) -> datetime:
        return datetime.fromtimestamp(int(self.clock.now()), UTC)
