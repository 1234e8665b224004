"""A bucket with Object Lock on a real server on loopback, for every test of the audit trail that needs one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from aws_servers import REGION, Server, moto_server
from killswitch_console.audit.settings import S3


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with moto_server(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture
def bucket(moto: Server, request: pytest.FixtureRequest) -> S3:
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:20]
    moto.client("s3").create_bucket(
        Bucket=name, ObjectLockEnabledForBucket=True, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return S3(
        bucket=name, region=REGION, endpoint_url=moto.url, profile="test", credentials_file=str(moto.credentials_file)
    )
