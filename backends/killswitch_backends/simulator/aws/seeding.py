"""The account as the world begins: the agents' functions and roles, the operator, and some that are nobody's agents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

from killswitch_backends.simulator.aws.callers import AccessKey, KeyRing
from killswitch_backends.simulator.aws.functions.function import Function, Provisioned, Settings
from killswitch_backends.simulator.aws.functions.invoker import Invoker
from killswitch_backends.simulator.aws.functions.region import Reference, Region
from killswitch_backends.simulator.aws.functions.rendering import timestamp
from killswitch_backends.simulator.aws.functions.service import Functions
from killswitch_backends.simulator.aws.iam.directory import Directory
from killswitch_backends.simulator.aws.iam.documents import identity_policy, trust_policy
from killswitch_backends.simulator.aws.iam.entities import Entity, Kind
from killswitch_backends.simulator.clock import Clock
from killswitch_backends.simulator.seams import ACCOUNT, REGION, AgentSpec, Runtime

AGENTS_PATH = "/agents/"
OPERATOR_ACCESS_KEY_ID = "AKIASIMULATEDOPERATR"
OPERATOR_SECRET_ACCESS_KEY = "simulated/throwaway/secret/of/operator00"  # noqa: S105 - opens nothing but the simulator
"""The access key of the operator whom a console on the simulator acts as."""

OPERATOR = "killswitch-operator"
OPERATORS = "killswitch-operators"

MAPPED_EVERY, PROVISIONED_EVERY, RESERVED_EVERY = 7, 11, 5
"""Every how-manieth agent's function has an SQS mapping, provisioned concurrency, a reservation."""

_BYSTANDERS = ("billing-export", "image-resize", "nightly-report", "webhook-relay")
_SERVICE_ROLE = "AWSServiceRoleForLambda"
_BASIC_ROLE = "basic-execution"
_MINUTES_OF_PAST = 5
_DAY = 86_400.0

_AGENT_POLICY = identity_policy(
    json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "Work",
                    "Effect": "Allow",
                    "Action": ["bedrock:InvokeModel", "dynamodb:GetItem", "dynamodb:PutItem", "sts:AssumeRole"],
                    "Resource": "*",
                }
            ],
        }
    )
)
_TRUST = trust_policy(
    json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                    "Action": "sts:AssumeRole",
                },
            ],
        }
    )
)


class Seeding:
    """Makes the account's first objects; nothing it makes has to propagate."""

    def __init__(
        self, *, directory: Directory, keys: KeyRing, functions: Functions, invoker: Invoker, clock: Clock, rng: Random
    ) -> None:
        self._directory, self._keys, self._functions = directory, keys, functions
        self._invoker, self._clock, self._rng = invoker, clock, rng
        self._region: Region = functions.regions[REGION]

    def operator(self) -> None:
        """The user a console acts as: an administrator by its group, with a fixed access key."""
        group = self._directory.add(Kind.GROUP, OPERATORS, path="/")
        administrator = self._directory.managed["arn:aws:iam::aws:policy/AdministratorAccess"]
        group.attached[administrator.arn] = administrator
        user = self._directory.add(Kind.USER, OPERATOR, path="/operators/")
        user.groups.append(group.name)
        for entity in (group, user):
            entity.settle()
        self._keys.put(AccessKey(OPERATOR_ACCESS_KEY_ID, OPERATOR_SECRET_ACCESS_KEY, user))

    def bystanders(self) -> None:
        """Functions and roles that are nobody's agents: untagged, and one role only AWS may change."""
        basic = self._role(_BASIC_ROLE, path="/service-role/")
        basic.attached |= {
            policy.arn: policy
            for policy in self._directory.managed.values()
            if policy.name == "AWSLambdaBasicExecutionRole"
        }
        basic.settle()
        self._invoker.needs_no_credentials(basic.arn)
        linked = self._role(_SERVICE_ROLE, path="/aws-service-role/lambda.amazonaws.com/")
        linked.service = "lambda.amazonaws.com"
        linked.settle()
        for name in _BYSTANDERS:
            self._functions.lifecycle.make(REGION, name, Settings(role=basic.arn))

    def agents(self, specs: Sequence[AgentSpec]) -> None:
        """A role for every agent that has one, a function for every agent that runs on Lambda."""
        for spec in specs:
            if spec.role is not None:
                self._agent_role(spec, spec.role)
        lambdas = [spec for spec in specs if spec.runtime is Runtime.LAMBDA]
        for number, spec in enumerate(lambdas, start=1):
            self._agent_function(number, spec)
        busy = sum(spec.replicas for spec in lambdas)
        reserved = sum(function.reserved or 0 for function in self._region.functions.values())
        self._region.concurrency_limit = max(1000, -(-(reserved + busy * 2 + 200) // 1000) * 1000)

    def _agent_role(self, spec: AgentSpec, name: str) -> None:
        known = self._directory.by_arn(self._role_arn(name))
        if known is not None:  # shared by several agents: it says only what is true of all of them
            known.tags = dict(known.tags.items() & _tags(spec).items())
            return
        role = self._role(name, path=AGENTS_PATH)
        role.tags = _tags(spec)
        role.inline["agent-work"] = _AGENT_POLICY
        role.settle()

    def _role(self, name: str, *, path: str) -> Entity:
        role = self._directory.add(Kind.ROLE, name, path=path)
        role.trust = _TRUST
        return role

    def _role_arn(self, role: str) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role{AGENTS_PATH}{role}"

    def _agent_function(self, number: int, spec: AgentSpec) -> None:
        role = self._role_arn(spec.role) if spec.role else f"arn:aws:iam::{ACCOUNT}:role/service-role/{_BASIC_ROLE}"
        settings = Settings(role=role, timeout=spec.timeout, description=f"agent {spec.name}")
        function = self._functions.lifecycle.make(REGION, spec.name, settings, agent=spec.name)
        function.modified = timestamp(self._clock.now() - _DAY)
        function.tag(_tags(spec))
        mapping = None
        if number % MAPPED_EVERY == 0:
            queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{spec.name}-tasks"
            mapping = self._functions.event_sources.make(self._region, Reference(function, None), source_arn=queue)
        if number % PROVISIONED_EVERY == 0:
            self._provision(function)
        if number % RESERVED_EVERY == 0:
            self._region.reserve(function, spec.replicas + function.provisioned_total + 2)
        self._past(function, spec)
        self._invoker.keep_busy(self._region, function, sources=spec.replicas, mapping=mapping)

    def _provision(self, function: Function) -> None:
        function.versions["1"] = function.settings
        function.aliases["live"] = "1"
        modified = timestamp(self._clock.now())
        function.provisioned["live"] = Provisioned(self._rng.randint(1, 2), self._clock.elapsed(), modified)

    def _past(self, function: Function, spec: AgentSpec) -> None:
        """The metrics of the minutes before the world began: the fleet had been at work."""
        function.meter.backfill(
            self._clock.now(),
            running=spec.replicas,
            invocations_a_minute=round(60 * spec.replicas / (0.75 * spec.timeout)),
            minutes=_MINUTES_OF_PAST,
        )


def _tags(spec: AgentSpec) -> dict[str, str]:
    return {"agent": spec.name, "agent-class": spec.agent_class, "agent-tenant": spec.tenant}
