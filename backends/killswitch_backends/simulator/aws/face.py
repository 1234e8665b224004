"""The AWS face of the simulator: Lambda, IAM, STS, tagging and CloudWatch of one account behind one address."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from aiohttp import web

from killswitch_backends.simulator.aws import metrics, sts, tagging
from killswitch_backends.simulator.aws.access import Access
from killswitch_backends.simulator.aws.autoscaling import AutoScaling
from killswitch_backends.simulator.aws.behaviour import Behaviour
from killswitch_backends.simulator.aws.callers import KeyRing
from killswitch_backends.simulator.aws.cloudfront import Distributions
from killswitch_backends.simulator.aws.eks import PodIdentity
from killswitch_backends.simulator.aws.functions.invoker import Invoker
from killswitch_backends.simulator.aws.functions.service import Functions
from killswitch_backends.simulator.aws.gateway import Gateway, Service
from killswitch_backends.simulator.aws.iam.directory import Directory
from killswitch_backends.simulator.aws.iam.service import operations as iam_operations
from killswitch_backends.simulator.aws.seeding import Seeding
from killswitch_backends.simulator.aws.throttles import Throttle, throttling, too_many_requests
from killswitch_backends.simulator.aws.trail import Trail
from killswitch_backends.simulator.aws.wires.query import QueryWire
from killswitch_backends.simulator.aws.wires.restjson import EksWire, RestJsonWire
from killswitch_backends.simulator.aws.wires.restxml import CloudFrontWire
from killswitch_backends.simulator.aws.wires.rpc import TAGGING_CODES, CborWire, JsonWire
from killswitch_backends.simulator.clock import Clock, SystemClock
from killswitch_backends.simulator.seams import ACCOUNT, Acting, AgentSpec, Credentials, Faults

_BODY_LIMIT = 7 * 1024 * 1024
"""Lambda takes payloads up to 6 MB."""


class AwsFace:
    """One simulated AWS account (the ``Face`` protocol of seams.py)."""

    prefix = "/aws"

    def __init__(
        self,
        *,
        acting: Acting,
        faults: Faults,
        rng: Random,
        clock: Clock | None = None,
        behaviour: Behaviour | None = None,
    ) -> None:
        self._clock: Clock = clock or SystemClock()
        self._behaviour = behaviour or Behaviour()
        self._faults = faults
        self._directory = Directory(account=ACCOUNT, behaviour=self._behaviour, rng=rng, clock=self._clock)
        self._keys = KeyRing(rng, clock=self._clock, sessions_per_identity=self._behaviour.sessions_per_identity)
        self._access = Access(self._directory, credential_lifetime=self._behaviour.credential_lifetime)
        self._invoker = Invoker(acting=acting, clock=self._clock, rng=rng)
        self._functions = Functions(
            account=ACCOUNT, invoker=self._invoker, clock=self._clock, rng=rng, behaviour=self._behaviour
        )
        self._autoscaling = AutoScaling(
            account=ACCOUNT, concurrency=self._functions.concurrency, clock=self._clock, behaviour=self._behaviour
        )
        self._distributions = Distributions(account=ACCOUNT, rng=rng)
        self._pod_identity = PodIdentity(account=ACCOUNT, rng=rng)
        self._trail = Trail(clock=self._clock, behaviour=self._behaviour)
        self._seeding = Seeding(
            directory=self._directory,
            keys=self._keys,
            functions=self._functions,
            invoker=self._invoker,
            clock=self._clock,
            rng=rng,
        )
        self._seeding.operator()

    @property
    def credentials(self) -> Credentials:
        """What the data plane lets identities do now."""
        return self._access

    def application(self) -> web.Application:
        """The application; mount it under ``prefix``."""
        gateway = Gateway(
            self._services(), keys=self._keys, access=self._access, faults=self._faults, trail=self._trail
        )
        application = web.Application(client_max_size=_BODY_LIMIT)
        for path in ("", "/{rest:.*}"):
            application.router.add_route("*", path, gateway.handle)
        return application

    def seed(self, agents: Sequence[AgentSpec]) -> None:
        """Make the agents' functions and roles, and others that are nobody's."""
        self._seeding.bystanders()
        self._seeding.agents(agents)

    async def run(self) -> None:
        """Keep invoking the agents' functions, and scaling them, until cancelled."""
        async with asyncio.TaskGroup() as work:
            work.create_task(self._invoker.run(), name="simulator: invocations")
            work.create_task(self._autoscaling.run(), name="simulator: auto scaling")

    def _services(self) -> dict[str, Service]:
        """By the service's name in the credential scope of a request."""
        return {
            "lambda": self._lambda(),
            "iam": self._iam(),
            "sts": self._sts(),
            "eks": Service(
                name="eks",
                action_prefix="eks",
                wire=EksWire(),
                operations=self._pod_identity.operations(),
                throttle=Throttle({"read": self._behaviour.eks}, clock=self._clock, error=throttling),
            ),
            "application-autoscaling": Service(
                name="application-autoscaling",
                action_prefix="application-autoscaling",
                wire=JsonWire(version="1.1"),
                operations=self._autoscaling.operations(),
                throttle=Throttle({"read": self._behaviour.autoscaling_calls}, clock=self._clock, error=throttling),
            ),
            "cloudfront": Service(
                name="cloudfront",
                action_prefix="cloudfront",
                wire=CloudFrontWire(),
                operations=self._distributions.operations(),
                throttle=Throttle(
                    {"read": self._behaviour.cloudfront}, clock=self._clock, error=throttling, regional=False
                ),
            ),
            "cloudtrail": Service(
                name="cloudtrail",
                action_prefix="cloudtrail",
                wire=JsonWire(version="1.1"),
                operations=self._trail.operations(),
                throttle=Throttle({"read": self._behaviour.trail}, clock=self._clock, error=throttling),
            ),
            "tagging": Service(
                name="tagging",
                action_prefix="tag",
                wire=JsonWire(version="1.1", codes=TAGGING_CODES),
                operations=tagging.operations(self._functions.regions),
                throttle=Throttle({"read": self._behaviour.tagging}, clock=self._clock, error=throttling),
            ),
            "monitoring": Service(
                name="cloudwatch",
                action_prefix="cloudwatch",
                wire=JsonWire(version="1.0"),
                other_wires={"application/cbor": CborWire()},
                operations=metrics.operations(self._functions.regions, clock=self._clock),
                throttle=Throttle({"read": self._behaviour.metrics}, clock=self._clock, error=throttling),
            ),
        }

    def _lambda(self) -> Service:
        rates = {
            "read": self._behaviour.lambda_control,  # one bucket for reads and writes alike
            "get_function": self._behaviour.lambda_get_function,
            "get_policy": self._behaviour.lambda_get_policy,
        }
        return Service(
            name="lambda",
            action_prefix="lambda",
            wire=RestJsonWire(),
            operations=self._functions.operations(),
            throttle=Throttle(rates, clock=self._clock, error=too_many_requests),
        )

    def _iam(self) -> Service:
        rates = {
            "read": self._behaviour.iam_read,
            "write": self._behaviour.iam_write,
            "simulate": self._behaviour.iam_simulate,
        }
        return Service(
            name="iam",
            action_prefix="iam",
            wire=QueryWire(namespace="https://iam.amazonaws.com/doc/2010-05-08/"),
            operations=iam_operations(self._directory, self._keys, self._behaviour),
            throttle=Throttle(rates, clock=self._clock, error=throttling, regional=False),
        )

    def _sts(self) -> Service:
        return Service(
            name="sts",
            action_prefix="sts",
            wire=QueryWire(namespace="https://sts.amazonaws.com/doc/2011-06-15/"),
            operations=sts.operations(self._directory, self._keys, self._access),
            throttle=Throttle({"read": self._behaviour.sts}, clock=self._clock, error=throttling),
        )
