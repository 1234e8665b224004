"""The IAM operations this console uses, each within its budget, answers as plain data.

What is called here is what ``policy aws`` must allow; nothing else of the SDK is used for IAM. IAM's control plane is
one for the whole account, whatever the region.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from killswitch_backends.aws_common.budget import Bucket, Budgets, Urgency
from killswitch_backends.aws_common.calls import Aws
from killswitch_backends.aws_iam.denial import POLICY_NAME
from killswitch_backends.aws_iam.roles import Role
from killswitch_backends.problems import Gone
from killswitch_backends.protocol import Json

if TYPE_CHECKING:
    from types_boto3_iam import IAMClient

T = TypeVar("T")
P = TypeVar("P", bound=Mapping[str, Any])

WRITES_PER_SECOND, WRITE_BURST = 20.0, 20
READS_PER_SECOND, READ_BURST = 50.0, 50
"""AWS publishes no figure: these are where the adaptive buckets begin."""
_PAGE = 1000


class IamApi:
    """IAM in one account."""

    def __init__(self, aws: Aws, budgets: Budgets) -> None:
        self._aws, self._budgets = aws, budgets

    def _bucket(self, limit: str, rate: float, burst: int) -> Bucket:
        """Shared by account once STS has told the account; until then this table's own."""
        aws = self._aws
        place = (aws.settings.endpoint_url or "aws", aws.account) if aws.account else (aws.where,)
        return self._budgets.bucket(limit, *place, rate=rate, burst=burst)

    async def _client(self) -> IAMClient:
        client: IAMClient = await self._aws.client("iam")
        return client

    async def _read(self, role: str, urgency: Urgency, call: Callable[[], T]) -> T:
        bucket = self._bucket("reads", READS_PER_SECOND, READ_BURST)
        return await self._aws.ask(call, where=self._where(role), urgency=urgency, bucket=bucket)

    async def _write(self, role: str, urgency: Urgency, call: Callable[[], T]) -> T:
        bucket = self._bucket("writes", WRITES_PER_SECOND, WRITE_BURST)
        return await self._aws.ask(call, where=self._where(role), urgency=urgency, bucket=bucket)

    def _where(self, role: str) -> str:
        return f"{self._aws.where}/role/{role}" if role else self._aws.where

    async def _pages(self, role: str, urgency: Urgency, call: Callable[..., P]) -> AsyncIterator[P]:
        """Follow ``Marker`` to the end."""
        more: dict[str, str] = {}
        while True:
            page = await self._read(role, urgency, partial(call, **more))
            yield page
            if not page.get("IsTruncated"):
                return
            more = {"Marker": page["Marker"]}

    async def all_roles(self, prefix: str, at: datetime, urgency: Urgency) -> list[Role]:
        """Every role under a path with its policies and tags, a thousand a call (GetAccountAuthorizationDetails)."""
        client = await self._client()
        call = partial(client.get_account_authorization_details, Filter=["Role"], MaxItems=_PAGE)
        return [
            _detailed(one, at)
            async for page in self._pages("", urgency, call)
            for one in page["RoleDetailList"]
            if str(one.get("Path", "/")).startswith(prefix)
        ]

    async def role_names(self, prefix: str, urgency: Urgency) -> list[str]:
        """The names of the roles under a path (ListRoles: no tags, no policies)."""
        client = await self._client()
        call = partial(client.list_roles, PathPrefix=prefix, MaxItems=_PAGE)
        return [str(one["RoleName"]) async for page in self._pages("", urgency, call) for one in page["Roles"]]

    async def role(self, name: str, at: datetime, urgency: Urgency) -> Role:
        """One role, whole: three calls, four when the console's policy name is in use.

        Raises:
            Gone: there is no such role.
        """
        client = await self._client()
        role = (await self._read(name, urgency, partial(client.get_role, RoleName=name)))["Role"]
        inline = partial(client.list_role_policies, RoleName=name)
        names = [one async for page in self._pages(name, urgency, inline) for one in page["PolicyNames"]]
        return Role(
            name=name,
            arn=role["Arn"],
            path=role["Path"],
            inline=frozenset(names),
            attached=await self.attached(name, urgency),
            deny=await self.deny(name, urgency) if POLICY_NAME in names else None,
            tags={tag["Key"]: tag["Value"] for tag in role.get("Tags", [])},
            read_at=at,
        )

    async def attached(self, name: str, urgency: Urgency) -> frozenset[str]:
        """ARNs of a role's managed policies."""
        client = await self._client()
        pages = self._pages(name, urgency, partial(client.list_attached_role_policies, RoleName=name))
        return frozenset([one.get("PolicyArn", "") async for page in pages for one in page["AttachedPolicies"]])

    async def deny(self, name: str, urgency: Urgency) -> Mapping[str, Json] | None:
        """The document under the console's policy name on a role; None when there is none (or no role)."""
        client = await self._client()
        call = partial(client.get_role_policy, RoleName=name, PolicyName=POLICY_NAME)
        try:
            answer = await self._read(name, urgency, call)
        except Gone:
            return None
        return _document(answer["PolicyDocument"])

    async def put_deny(self, name: str, document: str) -> str | None:
        """Write the console's inline policy on a role, over whatever is there. Returns the request id."""
        client = await self._client()
        call = partial(client.put_role_policy, RoleName=name, PolicyName=POLICY_NAME, PolicyDocument=document)
        answer = await self._write(name, Urgency.HALT, call)
        return answer["ResponseMetadata"].get("RequestId")

    async def delete_deny(self, name: str) -> None:
        """Remove the console's inline policy from a role."""
        client = await self._client()
        await self._write(name, Urgency.HALT, partial(client.delete_role_policy, RoleName=name, PolicyName=POLICY_NAME))

    async def attach(self, name: str, policy_arn: str) -> str | None:
        """Attach a managed policy; attached already is no error. Returns the request id."""
        client = await self._client()
        call = partial(client.attach_role_policy, RoleName=name, PolicyArn=policy_arn)
        answer = await self._write(name, Urgency.HALT, call)
        return answer["ResponseMetadata"].get("RequestId")

    async def detach(self, name: str, policy_arn: str) -> None:
        """Detach a managed policy."""
        client = await self._client()
        await self._write(name, Urgency.HALT, partial(client.detach_role_policy, RoleName=name, PolicyArn=policy_arn))

    async def tag(self, name: str, tags: Mapping[str, str], urgency: Urgency) -> None:
        """Add tags to a role."""
        client = await self._client()
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        await self._write(name, urgency, partial(client.tag_role, RoleName=name, Tags=pairs))  # type: ignore[arg-type]

    async def untag(self, name: str, keys: Sequence[str], urgency: Urgency) -> None:
        """Remove tags from a role."""
        client = await self._client()
        await self._write(name, urgency, partial(client.untag_role, RoleName=name, TagKeys=keys))


def _detailed(answer: Mapping[str, Any], at: datetime) -> Role:
    inline = {one["PolicyName"]: one.get("PolicyDocument") for one in answer.get("RolePolicyList", [])}
    return Role(
        name=answer["RoleName"],
        arn=answer["Arn"],
        path=answer.get("Path", "/"),
        inline=frozenset(inline),
        attached=frozenset(one["PolicyArn"] for one in answer.get("AttachedManagedPolicies", [])),
        deny=_document(inline.get(POLICY_NAME)),
        tags={tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])},
        read_at=at,
    )


def _document(document: object) -> Mapping[str, Json] | None:
    """A policy document: botocore decodes it, but leaves text that is no JSON as it is."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return {"unreadable": document}
    return document if isinstance(document, Mapping) else None
