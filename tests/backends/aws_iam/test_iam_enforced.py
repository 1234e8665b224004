"""A deny as AWS enforces it: an agent's own call is refused once its role is stopped, and works after the restore."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from aws_asking import halted, opened, order, patiently, seen
from aws_servers import REGION, Names, Server, ministack_server
from killswitch_backends.aws_iam import KIND
from killswitch_backends.protocol import Sight

ROOT = "test"
"""ministack's root access key."""


def an_agent(server: Server) -> tuple[str, str]:
    """A role that may use queues, and anybody in the account may become."""
    name, iam = Names.new("role"), server.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}
    work = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    role = iam.create_role(
        RoleName=name,
        Path="/agents/",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    document = json.dumps({"Version": "2012-10-17", "Statement": [work]})
    iam.put_role_policy(RoleName=name, PolicyName="work", PolicyDocument=document)
    return name, role["Role"]["Arn"]


async def test_a_running_session_is_refused_once_stopped_and_works_after_the_restore(tmp_path: Path) -> None:
    with ministack_server(tmp_path, authorises=True) as started:
        server = replace(started, access_key=ROOT, secret_key=ROOT)
        name, arn = an_agent(server)
        keys = server.client("sts").assume_role(RoleArn=arn, RoleSessionName="agent")["Credentials"]
        agent = boto3.client(
            "sqs", region_name=REGION, endpoint_url=server.url, aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"],
        )  # fmt: skip
        try:
            agent.list_queues()
            async with opened(KIND, server.table(propagation_seconds=0)) as backend:
                watch = await halted(backend, f"role/{name}")
                await seen(backend, watch, Sight.STOPPED)
                with pytest.raises(ClientError, match="AccessDenied"):
                    agent.list_queues()
                await patiently(lambda: backend.restore(watch, order()))
            agent.list_queues()
        finally:
            agent.close()
            server.close()
