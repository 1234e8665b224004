"""One table's way into AWS: blocking SDK calls in bounded threads, within a budget, failing as problems.

Apart because here, and only here, asyncio meets boto3. It retries nothing but a background look
that was throttled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from killswitch_backends.aws_common.answers import told
from killswitch_backends.aws_common.arns import role_behind
from killswitch_backends.aws_common.budget import Bucket, Urgency
from killswitch_backends.aws_common.errors import BUSY, code_of, problem_of_answer, problem_of_sdk
from killswitch_backends.aws_common.outcomes import outcome
from killswitch_backends.aws_common.session import (
    ServiceModels,
    arn_of_profile,
    assumed_on_the_way,
    base_profile,
    create_client,
    create_client_as,
    open_session,
    region_known,
)
from killswitch_backends.aws_common.settings import AwsSettings
from killswitch_backends.hearing import Hearing
from killswitch_backends.problems import Problem, Refused, Throttled, Unauthenticated, Unreachable
from killswitch_backends.protocol import Identity

if TYPE_CHECKING:
    from botocore.session import Session

T = TypeVar("T")

URGENT_THREADS = 32
BACKGROUND_THREADS = 6
"""Looking around never takes the threads a halt needs, even when every one of its calls hangs."""
BACKGROUND_ATTEMPTS = 6
"""How often looking around asks before a throttle is a failure: one 429 must not cost a whole listing."""
_MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError, RuntimeError)
"""botocore's parsers take the shape of an answer for granted (``RuntimeError``: a time that is none; too deep)."""
_CALL_SECONDS = 10.0
"""Longest a call may take in all: botocore's own limits are per connection attempt and per read."""


class Aws:
    """Clients, threads and identity of one configuration table. Use inside ``open_aws``."""

    def __init__(
        self,
        settings: AwsSettings,
        where: str,
        models: ServiceModels,
        *,
        urgent: ThreadPoolExecutor,
        background: ThreadPoolExecutor,
    ) -> None:
        self.settings, self.where, self.models = settings, where, models
        self._pools = {Urgency.SIGHT: background, Urgency.MARK: background}
        self._urgent = urgent
        self._session: Session | None = None
        self._clients: dict[str, Any] = {}
        self._creating = asyncio.Lock()
        self._identity: Identity | None = None
        self.hearing = Hearing()

    @property
    def account(self) -> str | None:
        """The account id, once AWS has told it."""
        return self._identity.account if self._identity else None

    @property
    def session(self) -> Session:
        """The SDK's session. A client must have been made."""
        assert self._session is not None, "client() first"  # noqa: S101
        return self._session

    @property
    def region(self) -> str:
        """The region the clients use; only known once a client exists."""
        client = next(iter(self._clients.values()), None)
        return str(client.meta.region_name) if client else (self.settings.region or "")

    async def client(self, service: str) -> Any:
        """The one client of a service, created on first use in a thread (0.5 to 0.8 s of CPU for Lambda).

        Raises:
            Problem: no credentials, unknown profile, no region, credentials of another account than the table's.
        """
        if self.settings.account is not None and service != "sts":
            await self.identity()
        if service in self._clients:
            return self._clients[service]
        async with self._creating:  # botocore's sessions are not safe to create clients with from two threads
            if service not in self._clients:
                self._clients[service] = await self._in_thread(
                    lambda: self._create(service), self.where, self._urgent, limit=60.0
                )
        return self._clients[service]

    async def client_as(self, service: str, keys: Mapping[str, str]) -> Any:
        """A client with other credentials than this table's; whoever asked for it closes it."""
        await self.client("sts")  # opens the session
        async with self._creating:
            session = self._session
            assert session is not None  # noqa: S101  (opened above; for the type checker)
            create = partial(create_client_as, session, self.settings, service, keys)
            return await self._in_thread(create, self.where, self._urgent, limit=60.0)

    def _create(self, service: str) -> Any:
        if self._session is None:
            self._session = open_session(self.settings, self.models)
        return create_client(self._session, self.settings, service)

    async def ask(self, call: Callable[[], T], *, where: str, urgency: Urgency, bucket: Bucket | None = None) -> T:
        """Make one call when the budget allows it. Looking around waits out throttles; whoever halts decides itself.

        Raises:
            Problem: whatever went wrong, by type.
        """
        for _ in range(BACKGROUND_ATTEMPTS - 1 if urgency is Urgency.SIGHT and bucket is not None else 0):
            try:
                return await self._once(call, where, urgency, bucket)
            except Throttled:
                continue  # the bucket knows of it: the next turn comes later
        return await self._once(call, where, urgency, bucket)

    async def _once(self, call: Callable[[], T], where: str, urgency: Urgency, bucket: Bucket | None) -> T:
        if bucket is not None:
            await bucket.take(urgency)
        try:
            return await self._in_thread(
                partial(self._heard, call, where),
                where,
                self._pools.get(urgency, self._urgent),
                limit=_CALL_SECONDS,
                to_its_end=urgency is Urgency.MARK,  # a restore must not be overtaken by the mark it cancels
            )
        except Unreachable as problem:
            if (region := self._unknown_region()) is None:
                raise
            todo = "correct `region` of this table, or of its profile"
            raise Refused(where, f"no region {region} is known, and {problem.what}", todo=todo) from problem
        except Throttled as problem:
            if bucket is not None and platform_code(problem) not in BUSY:
                bucket.throttled(problem.retry_after)
            raise

    def _heard(self, call: Callable[[], T], where: str) -> T:
        """Make a call in its thread; an error that AWS itself told is an answer, too."""
        from botocore.exceptions import ClientError

        with self.hearing.request():
            try:
                return cast("T", told(call(), where))
            except ClientError as error:
                refusal = error
            except _MISSHAPEN:
                raise Unreachable(where, "AWS gave an answer that cannot be read") from None
        raise refusal

    async def _in_thread(
        self, call: Callable[[], T], where: str, pool: ThreadPoolExecutor, *, limit: float, to_its_end: bool = False
    ) -> T:
        """Run a blocking call. ``to_its_end``: when cancelled, first wait until it cannot take effect any more."""
        sent = asyncio.get_running_loop().run_in_executor(pool, _plain, call, where)
        try:
            async with asyncio.timeout(limit):
                return await (asyncio.shield(sent) if to_its_end else sent)
        except TimeoutError:
            raise Unreachable(where, f"no answer from AWS within {limit:.0f} s") from None
        except asyncio.CancelledError:
            if to_its_end:
                await asyncio.wait({asyncio.ensure_future(outcome(sent))}, timeout=limit)
            raise

    def _unknown_region(self) -> str | None:
        """The region, if AWS itself is asked and no region of that name is known to the SDK."""
        if self._session is None or self.settings.endpoint_url or region_known(self._session, self.region):
            return None
        return self.region

    def close(self) -> None:
        """Close every connection. Calls that still hang end in their threads, unheard."""
        for client in self._clients.values():
            client.close()

    async def identity(self) -> Identity:
        """Ask STS whom we act as, once.

        Raises:
            Problem: when STS gives no answer.
        """
        if self._identity is None:
            client = await self.client("sts")
            answer = await self.ask(client.get_caller_identity, where=self.where, urgency=Urgency.HALT)
            arn, session = str(answer["Arn"]), self._session
            self._check_account(arn, str(answer["Account"]))
            related = await asyncio.to_thread(assumed_on_the_way, session) if session else ()
            base = await self._base_identity(session) if session else ()
            self._identity = Identity(arn, str(answer["Account"]), (*role_behind(arn), *related, *base))
        return self._identity

    def _check_account(self, arn: str, account: str) -> None:
        wanted = self.settings.account
        if wanted is not None and account != wanted:
            todo = "use credentials of that account, or correct `account`"
            raise Refused(self.where, f"is meant for account {wanted}, but acts as {arn} in {account}", todo=todo)

    async def _base_identity(self, session: Session) -> tuple[str, ...]:
        """Whose long-lived credentials stand at the beginning of the chain of profiles: denied, they end it."""
        profile = await asyncio.to_thread(base_profile, session)
        if profile is None:
            return ()
        ask = partial(arn_of_profile, self.settings, self.models, profile)
        arn = await self._in_thread(ask, self.where, self._urgent, limit=_CALL_SECONDS)
        return (arn, *role_behind(arn))


def _plain(call: Callable[[], T], where: str) -> T:
    """Run in a thread: one call, the SDK's exceptions turned into problems."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        return call()
    except ClientError as error:
        problem = problem_of_answer(error, where)
        if isinstance(problem, Unauthenticated):  # a rejected signature's answer quotes the session token
            raise problem from None
        raise problem from error
    except BotoCoreError as error:
        raise problem_of_sdk(error, where) from None
    except ResponseParserError:
        raise Unreachable(where, "AWS gave an answer that cannot be read") from None


def platform_code(problem: Problem) -> str:
    """AWS's error code behind a problem; empty when no answer came, or it was about credentials."""
    from botocore.exceptions import ClientError

    return code_of(problem.__cause__) if isinstance(problem.__cause__, ClientError) else ""


@asynccontextmanager
async def open_aws(settings: AwsSettings, where: str, models: ServiceModels) -> AsyncIterator[Aws]:
    """Lend an ``Aws``; its threads end after it, without waiting for calls that hang."""
    urgent = ThreadPoolExecutor(URGENT_THREADS, thread_name_prefix=f"aws {where}")
    background = ThreadPoolExecutor(BACKGROUND_THREADS, thread_name_prefix=f"aws {where} background")
    aws = Aws(settings, where, models, urgent=urgent, background=background)
    try:
        yield aws
    finally:
        for pool in (urgent, background):
            pool.shutdown(wait=False, cancel_futures=True)
        aws.close()
