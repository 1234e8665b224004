"""The Lambda operations this console uses, each within its budget, answers as plain data.

What is called here is what ``policy aws`` must allow; nothing else of the SDK is used for Lambda.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from killswitch_backends.aws_common.budget import Bucket, Budgets, Urgency
from killswitch_backends.aws_common.calls import Aws, platform_code
from killswitch_backends.aws_common.paging import Pages
from killswitch_backends.aws_lambda.functions import EventSource, Function, Reading
from killswitch_backends.problems import Gone, Unreachable

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

T = TypeVar("T")
P = TypeVar("P", bound=Mapping[str, Any])

READS_PER_SECOND = 100.0
"""GetFunction's own limit."""
READ_BURST = 20
BURST = 10
"""Control-plane calls sent at once after a pause: a single halt waits for none of them."""
_NONE_PROVISIONED = "ProvisionedConcurrencyConfigNotFoundException"


class LambdaApi:
    """Lambda in one account and region."""

    def __init__(self, aws: Aws, budgets: Budgets, calls_per_second: float) -> None:
        self._aws, self._budgets, self._rate = aws, budgets, calls_per_second

    def bucket(self, limit: str, rate: float, burst: int) -> Bucket:
        """Shared by account and region once STS has told the account; until then this table's own."""
        aws = self._aws
        place = (aws.settings.endpoint_url or "aws", aws.account, aws.region) if aws.account else (aws.where,)
        return self._budgets.bucket(limit, *place, rate=rate, burst=burst)

    @property
    def control(self) -> Bucket:
        """The budget of everything but GetFunction."""
        return self.bucket("control", self._rate, BURST)

    async def client(self) -> LambdaClient:
        """The SDK's client, for the modules that speak of one further mechanism (durable.py, managed.py)."""
        client: LambdaClient = await self._aws.client("lambda")
        return client

    async def service(self, name: str) -> Any:
        """The client of another service that has a say in functions (autoscaling.py, edge.py)."""
        return await self._aws.client(name)

    async def ask(self, name: str, urgency: Urgency, call: Callable[[], T], *, bucket: Bucket | None = None) -> T:
        """Make one call about a function (or, without a name, the whole region), of the scarce budget unless told."""
        where = f"{self._aws.where}/{name}" if name else self._aws.where
        return await self._aws.ask(call, where=where, urgency=urgency, bucket=bucket or self.control)

    async def pages(self, name: str, urgency: Urgency, call: Callable[..., P]) -> AsyncIterator[P]:
        """Follow ``NextMarker`` to the end."""
        pages, more = Pages(self._aws.where), dict[str, str]()
        while True:
            page = await self.ask(name, urgency, partial(call, **more))
            yield page
            if not (marker := page.get("NextMarker")):
                return
            more = {"Marker": pages.turn(marker)}

    async def read(self, name: str, urgency: Urgency, *, qualifier: str | None = None) -> Reading:
        """GetFunction, from its own budget: configuration, reservation and tags in one call."""
        client = await self.client()
        which = {"Qualifier": qualifier} if qualifier else {}
        answer = await self._aws.ask(
            partial(client.get_function, FunctionName=name, **which),
            where=f"{self._aws.where}/{name}",
            urgency=urgency,
            bucket=self.bucket("reads", READS_PER_SECOND, READ_BURST),
        )
        reserved = answer.get("Concurrency", {}).get("ReservedConcurrentExecutions")
        function = Function.of(answer["Configuration"])
        if function.name != name:
            raise Unreachable(f"{self._aws.where}/{name}", f"AWS answered with the function {function.name[:64]!r}")
        return Reading(function, reserved, answer.get("Tags", {}))

    async def reserved(self, name: str, urgency: Urgency) -> int | None:
        """GetFunctionConcurrency: a second opinion, from the scarce budget."""
        client = await self.client()
        answer = await self.ask(name, urgency, partial(client.get_function_concurrency, FunctionName=name))
        return answer.get("ReservedConcurrentExecutions")

    async def reserve(self, name: str, executions: int | None) -> str | None:
        """Set the reserved concurrency, or remove it (None). Returns the request id."""
        client = await self.client()
        if executions is None:
            gone = await self.ask(name, Urgency.HALT, partial(client.delete_function_concurrency, FunctionName=name))
            return gone["ResponseMetadata"].get("RequestId")
        answer = await self.ask(
            name,
            Urgency.HALT,
            partial(client.put_function_concurrency, FunctionName=name, ReservedConcurrentExecutions=executions),
        )
        return answer["ResponseMetadata"].get("RequestId")

    async def functions(self, urgency: Urgency) -> AsyncIterator[Sequence[Function]]:
        """Every version of every function, page by page (50 each)."""
        client = await self.client()
        call = partial(client.list_functions, FunctionVersion="ALL")
        async for page in self.pages("", urgency, call):
            yield [Function.of(one) for one in page["Functions"]]

    async def versions(self, name: str, urgency: Urgency) -> Sequence[Function]:
        """Every version of one function."""
        client = await self.client()
        call = partial(client.list_versions_by_function, FunctionName=name)
        return [Function.of(one) async for page in self.pages(name, urgency, call) for one in page["Versions"]]

    async def provisioned(self, name: str, urgency: Urgency) -> dict[str, int]:
        """Requested provisioned concurrency by qualifier. That there is none may be told as an error (ministack's)."""
        client = await self.client()
        call = partial(client.list_provisioned_concurrency_configs, FunctionName=name)
        found: dict[str, int] = {}
        try:
            async for page in self.pages(name, urgency, call):
                for one in page.get("ProvisionedConcurrencyConfigs", []):
                    qualifier = one.get("FunctionArn", "").rsplit(":", 1)[-1]
                    found[qualifier] = one.get("RequestedProvisionedConcurrentExecutions", 0)
        except Gone as problem:
            if platform_code(problem) != _NONE_PROVISIONED:
                raise
        return found

    async def provision(self, name: str, qualifier: str, executions: int | None) -> None:
        """Set the provisioned concurrency of one version or alias, or remove it (None)."""
        client = await self.client()
        if executions is None:
            await self.ask(
                name,
                Urgency.HALT,
                partial(client.delete_provisioned_concurrency_config, FunctionName=name, Qualifier=qualifier),
            )
            return
        put = partial(
            client.put_provisioned_concurrency_config,
            FunctionName=name,
            Qualifier=qualifier,
            ProvisionedConcurrentExecutions=executions,
        )
        await self.ask(name, Urgency.HALT, put)

    async def failure_destinations(self, name: str, urgency: Urgency) -> bool:
        """Whether any version or alias sends failed asynchronous events somewhere (ListFunctionEventInvokeConfigs)."""
        client = await self.client()
        pages = self.pages(name, urgency, partial(client.list_function_event_invoke_configs, FunctionName=name))
        configs = [one async for page in pages for one in page.get("FunctionEventInvokeConfigs", [])]
        return any(one.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination") for one in configs)

    async def event_sources(self, urgency: Urgency) -> Sequence[EventSource]:
        """Every event source mapping of the account and region (pages of 100)."""
        client = await self.client()
        pages = self.pages("", urgency, client.list_event_source_mappings)
        return [EventSource.of(one) async for page in pages for one in page["EventSourceMappings"]]

    async def event_source(self, name: str, uuid: str, urgency: Urgency) -> EventSource:
        """One event source mapping of a function as it is now.

        Raises:
            Gone: there is none, or it feeds another function: a mark's tags may name anybody's.
        """
        client = await self.client()
        answer = await self.ask(name, urgency, partial(client.get_event_source_mapping, UUID=uuid))
        found = EventSource.of(answer)
        if found.function != name:
            raise Gone(f"{self._aws.where}/{name}", f"event source {uuid} feeds {found.function[:64]!r}")
        return found

    async def feed(self, name: str, uuid: str, *, enabled: bool) -> None:
        """Enable or disable one event source mapping (202: it takes seconds)."""
        client = await self.client()
        await self.ask(name, Urgency.HALT, partial(client.update_event_source_mapping, UUID=uuid, Enabled=enabled))

    async def tag(self, function: Function, tags: Mapping[str, str], urgency: Urgency) -> None:
        """Add tags to a function."""
        client = await self.client()
        await self.ask(function.name, urgency, partial(client.tag_resource, Resource=function.arn, Tags=tags))

    async def untag(self, function: Function, keys: Sequence[str], urgency: Urgency) -> None:
        """Remove tags from a function."""
        client = await self.client()
        await self.ask(function.name, urgency, partial(client.untag_resource, Resource=function.arn, TagKeys=keys))
