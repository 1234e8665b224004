"""The remote authority: an S3 bucket with Object Lock, written to in a way that nothing written can be changed.

Every object is put only if its key does not exist yet and is locked in compliance mode: not even the account's root can
remove it before its time. Credentials that may only put are enough; listing makes alarms possible, not uploads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.calls import Aws, open_aws, platform_code
from killswitch_backends.aws_common.session import ServiceModels
from killswitch_backends.aws_common.settings import AwsSettings
from killswitch_backends.problems import Problem, Throttled, Unreachable
from killswitch_console.audit.settings import S3

T = TypeVar("T")

_EXISTS: Final = "PreconditionFailed"
_CONFLICT: Final = "ConditionalRequestConflict"
_ABSENT: Final = frozenset({"NoSuchKey", "404"})
_CONFLICTS: Final = 3

MOST_BYTES: Final = 2**28
"""Of one object: a segment has 5,000 events; what somebody else put there may be anything."""

MOST_KEYS: Final = 1_000_000
"""That one listing may come to: a store that never ends is left."""


class ObjectStore:
    """An open bucket. Every method raises ``Problem``."""

    def __init__(self, aws: Aws, settings: S3) -> None:
        self._aws = aws
        self._settings = settings

    async def put_new(self, key: str, content: bytes) -> bool:
        """Put an object that must not exist yet; False when it does."""
        client = await self._aws.client("s3")
        until = datetime.now(UTC) + timedelta(days=self._settings.retain_days)

        def put() -> None:
            client.put_object(
                **self._at(key),
                Body=content,
                IfNoneMatch="*",
                ChecksumAlgorithm="SHA256",
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=until,
            )

        for attempt in range(_CONFLICTS):
            try:
                await self._ask(put)
            except Problem as problem:
                code = platform_code(problem)
                if code == _EXISTS:
                    return False
                if code != _CONFLICT or attempt == _CONFLICTS - 1:
                    raise
            else:
                return True
        raise Throttled(self._aws.where, f"{key}: others write it at the same time")

    async def get(self, key: str) -> bytes | None:
        """An object's bytes, or None. Raises a ``Problem``, also for one that no console put there."""
        client = await self._aws.client("s3")
        try:
            content = await self._ask(lambda: bytes(client.get_object(**self._at(key))["Body"].read(MOST_BYTES + 1)))
        except Problem as problem:
            if platform_code(problem) in _ABSENT:
                return None
            raise
        if len(content) > MOST_BYTES:
            raise Unreachable(
                self._aws.where, f"{key} is larger than {MOST_BYTES // 2**20} MiB: no console put it there"
            )
        return content

    async def keys(self, folder: str) -> list[str]:
        """All keys below a folder, in order.

        Raises:
            Unreachable: the list does not end: it is not taken for a refusal, which some may live with.
            Problem: any other failure.
        """
        client = await self._aws.client("s3")
        prefix = self._key(folder)

        def listed() -> list[str]:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self._settings.bucket, Prefix=prefix)
            named = (str(item["Key"]) for page in pages for item in page.get("Contents", ()))
            return list(islice(named, MOST_KEYS + 1))

        found = await self._ask(listed)
        if len(found) > MOST_KEYS:
            raise Unreachable(self._aws.where, f"lists more than {MOST_KEYS} objects below {prefix}")
        skip = len(self._key(""))
        return sorted(key[skip:] for key in found if key.startswith(prefix))

    def _at(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._settings.bucket, "Key": self._key(key)}

    def _key(self, key: str) -> str:
        return f"{self._settings.prefix}/{key}" if self._settings.prefix else key

    async def _ask(self, call: Callable[[], T]) -> T:
        return await self._aws.ask(call, where=self._aws.where, urgency=Urgency.SIGHT)


@asynccontextmanager
async def open_store(settings: S3, base: Path) -> AsyncIterator[ObjectStore]:
    """Open the bucket of ``[audit.s3]``; relative paths are relative to ``base``. Makes no request."""
    credentials = settings.credentials_file
    table = AwsSettings(
        name="audit",
        region=settings.region,
        profile=settings.profile,
        credentials_file=(base / Path(credentials).expanduser()) if credentials else None,  # noqa: ASYNC240  (no I/O)
        endpoint_url=settings.endpoint_url,
    )
    async with open_aws(table, f"s3://{settings.bucket}", ServiceModels()) as aws:
        yield ObjectStore(aws, settings)
