"""The IAM operations this console uses, each within its budget, answers as plain data.

What is called here is what ``policy aws`` must allow; nothing else of the SDK is used for IAM. IAM's control plane is
one for the whole account, whatever the region.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from killswitch_backends.aws_common.budget import Bucket, Budgets, Urgency
from killswitch_backends.aws_common.calls import Aws
from killswitch_backends.aws_common.paging import Pages
from killswitch_backends.aws_iam.denial import POLICY_NAME
from killswitch_backends.aws_iam.entities import Entity, Kind, Ref
from killswitch_backends.outside import parsed
from killswitch_backends.problems import Gone, Unreachable
from killswitch_backends.protocol import Json

T = TypeVar("T")
P = TypeVar("P", bound=Mapping[str, Any])

WRITES_PER_SECOND, WRITE_BURST = 20.0, 20
READS_PER_SECOND, READ_BURST = 50.0, 50
"""AWS publishes no figure: these are where the adaptive buckets begin."""
_PAGE = 1000
_ARN = re.compile(r"arn:[a-z-]+:iam::[0-9A-Za-z-]*:(?:role|user|group)/[\w+=,.@/-]+")


class IamApi:
    """IAM in one account."""

    def __init__(self, aws: Aws, budgets: Budgets) -> None:
        self._aws, self._budgets = aws, budgets

    def _bucket(self, limit: str, rate: float, burst: int) -> Bucket:
        """Shared by account once STS has told the account; until then this table's own."""
        aws = self._aws
        place = (aws.settings.endpoint_url or "aws", aws.account) if aws.account else (aws.where,)
        return self._budgets.bucket(limit, *place, rate=rate, burst=burst)

    async def _operation(self, name: str) -> Callable[..., Any]:
        """One of the client's operations; those on identities have a name for each kind (``put_user_policy``)."""
        operation: Callable[..., Any] = getattr(await self._aws.client("iam"), name)
        return operation

    async def _read(self, about: Ref | None, urgency: Urgency, call: Callable[[], T]) -> T:
        bucket = self._bucket("reads", READS_PER_SECOND, READ_BURST)
        return await self._aws.ask(call, where=self._where(about), urgency=urgency, bucket=bucket)

    async def _write(self, about: Ref, urgency: Urgency, call: Callable[[], T]) -> T:
        bucket = self._bucket("writes", WRITES_PER_SECOND, WRITE_BURST)
        return await self._aws.ask(call, where=self._where(about), urgency=urgency, bucket=bucket)

    def _where(self, about: Ref | None) -> str:
        return f"{self._aws.where}/{about}" if about else self._aws.where

    async def _pages(self, about: Ref | None, urgency: Urgency, call: Callable[..., P]) -> AsyncIterator[P]:
        """Follow ``Marker`` to the end."""
        pages, more = Pages(self._where(about)), dict[str, str]()
        while True:
            page = await self._read(about, urgency, partial(call, **more))
            yield page
            if not page.get("IsTruncated"):
                return
            more = {"Marker": pages.turn(page["Marker"])}

    async def everything(self, at: datetime, urgency: Urgency) -> list[Entity]:
        """Every identity of the account with its policies and tags, a thousand a call."""
        details = await self._operation("get_account_authorization_details")
        call = partial(details, Filter=[kind.word for kind in Kind], MaxItems=_PAGE)
        return [
            detailed(kind, one, at)
            async for page in self._pages(None, urgency, call)
            for kind in Kind
            for one in page.get(f"{kind.word}DetailList", [])
        ]

    async def refs(self, prefix: str, urgency: Urgency) -> list[Ref]:
        """The identities under a path (ListRoles, ListUsers, ListGroups: no tags, no policies)."""
        found: list[Ref] = []
        for kind in Kind:
            call = partial(await self._operation(f"list_{kind}s"), PathPrefix=prefix, MaxItems=_PAGE)
            async for page in self._pages(None, urgency, call):
                found += [Ref(kind, str(one[f"{kind.word}Name"])) for one in page[f"{kind.word}s"]]
        return found

    async def entity(self, ref: Ref, at: datetime, urgency: Urgency) -> Entity:
        """One identity, whole: three calls, four when the console's policy name is in use.

        Raises:
            Gone: there is none of that name.
        """
        get = partial(await self._operation(f"get_{ref.kind}"), **_named(ref))
        entity = (await self._read(ref, urgency, get))[ref.kind.word]
        inline = partial(await self._operation(f"list_{ref.kind}_policies"), **_named(ref))
        names = [one async for page in self._pages(ref, urgency, inline) for one in page["PolicyNames"]]
        return Entity(
            ref=ref,
            arn=_arn(entity["Arn"]),
            path=entity["Path"],
            inline=frozenset(names),
            attached=await self.attached(ref, urgency),
            deny=await self.deny(ref, urgency) if POLICY_NAME in names else None,
            tags={tag["Key"]: tag["Value"] for tag in entity.get("Tags", [])},
            trust=_document(entity.get("AssumeRolePolicyDocument")),
            read_at=at,
        )

    async def tags(self, ref: Ref, urgency: Urgency) -> Mapping[str, str]:
        """A role's or a user's tags, by the one call that reads it."""
        get = partial(await self._operation(f"get_{ref.kind}"), **_named(ref))
        entity = (await self._read(ref, urgency, get))[ref.kind.word]
        return {tag["Key"]: tag["Value"] for tag in entity.get("Tags", [])}

    async def members(self, group: str, urgency: Urgency) -> list[str]:
        """ARNs of the users in a group."""
        call = partial(await self._operation("get_group"), GroupName=group)
        pages = self._pages(Ref(Kind.GROUP, group), urgency, call)
        return [str(one["Arn"]) async for page in pages for one in page["Users"]]

    async def attached(self, ref: Ref, urgency: Urgency) -> frozenset[str]:
        """ARNs of an identity's managed policies."""
        call = partial(await self._operation(f"list_attached_{ref.kind}_policies"), **_named(ref))
        pages = self._pages(ref, urgency, call)
        return frozenset([one.get("PolicyArn", "") async for page in pages for one in page["AttachedPolicies"]])

    async def deny(self, ref: Ref, urgency: Urgency) -> Mapping[str, Json] | None:
        """The document under the console's policy name; None when there is none (or no such identity)."""
        call = partial(await self._operation(f"get_{ref.kind}_policy"), **_named(ref), PolicyName=POLICY_NAME)
        try:
            answer = await self._read(ref, urgency, call)
        except Gone:
            return None
        return _document(answer["PolicyDocument"])

    async def put_deny(self, ref: Ref, document: str) -> str | None:
        """Write the console's inline policy, over whatever is there. Returns the request id."""
        put = await self._operation(f"put_{ref.kind}_policy")
        call = partial(put, **_named(ref), PolicyName=POLICY_NAME, PolicyDocument=document)
        return _request_id(await self._write(ref, Urgency.HALT, call))

    async def delete_deny(self, ref: Ref) -> None:
        """Remove the console's inline policy."""
        delete = await self._operation(f"delete_{ref.kind}_policy")
        await self._write(ref, Urgency.HALT, partial(delete, **_named(ref), PolicyName=POLICY_NAME))

    async def attach(self, ref: Ref, policy_arn: str) -> str | None:
        """Attach a managed policy; attached already is no error. Returns the request id."""
        attach = await self._operation(f"attach_{ref.kind}_policy")
        return _request_id(await self._write(ref, Urgency.HALT, partial(attach, **_named(ref), PolicyArn=policy_arn)))

    async def detach(self, ref: Ref, policy_arn: str) -> None:
        """Detach a managed policy."""
        detach = await self._operation(f"detach_{ref.kind}_policy")
        await self._write(ref, Urgency.HALT, partial(detach, **_named(ref), PolicyArn=policy_arn))

    async def tag(self, ref: Ref, tags: Mapping[str, str], urgency: Urgency) -> None:
        """Add tags to a role or a user."""
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        await self._write(ref, urgency, partial(await self._operation(f"tag_{ref.kind}"), **_named(ref), Tags=pairs))

    async def untag(self, ref: Ref, keys: Sequence[str], urgency: Urgency) -> None:
        """Remove tags from a role or a user."""
        untag = await self._operation(f"untag_{ref.kind}")
        await self._write(ref, urgency, partial(untag, **_named(ref), TagKeys=keys))


def _named(ref: Ref) -> dict[str, str]:
    return {f"{ref.kind.word}Name": ref.name}


def _request_id(answer: Mapping[str, Any]) -> str | None:
    told: str | None = answer["ResponseMetadata"].get("RequestId")
    return told


def detailed(kind: Kind, answer: Mapping[str, Any], at: datetime) -> Entity:
    """One identity of GetAccountAuthorizationDetails."""
    inline = {
        one["PolicyName"]: _document(one.get("PolicyDocument")) for one in answer.get(f"{kind.word}PolicyList", [])
    }
    return Entity(
        ref=Ref(kind, answer[f"{kind.word}Name"]),
        arn=_arn(answer["Arn"]),
        path=answer.get("Path", "/"),
        inline=frozenset(inline),
        attached=frozenset(one["PolicyArn"] for one in answer.get("AttachedManagedPolicies", [])),
        deny=inline.get(POLICY_NAME),
        tags={tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])},
        groups=tuple(answer.get("GroupList", ())),
        trust=_document(answer.get("AssumeRolePolicyDocument")),
        documents=tuple(document for document in inline.values() if document),
        read_at=at,
    )


def _arn(found: str) -> str:
    """An identity's ARN. Raises ``Unreachable`` for what is none: accounts and partitions are read off it."""
    if not _ARN.fullmatch(found):
        raise Unreachable("iam", f"AWS answered with an identity whose ARN is none: {found[:80]!r}")
    return found


def _document(document: object) -> Mapping[str, Json] | None:
    """A policy document: botocore decodes it, but leaves text that is no JSON as it is."""
    if isinstance(document, str):
        try:
            document = parsed(document)
        except ValueError:
            return {"unreadable": document}
    return document if isinstance(document, Mapping) else None
