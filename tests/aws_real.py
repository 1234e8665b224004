"""A sandbox account of AWS for the behaviour tests that otherwise run on emulators (``make real``, docs/aws.md).

Everything has a name of the tests' own making; leaving deletes all of that, also what an interrupted run left.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aws_servers import Server

SWITCH = "KILLSWITCH_REAL_AWS"
"""Set by ``make real``: without it no test ever reaches AWS, whatever credentials lie about."""
PATHS = ("/agents/", "/elsewhere/")
NAMES = re.compile(r"(agent|role|user|group|queue|outside|thief)-\d+-\d+")
"""What ``aws_servers.Names`` calls things: nothing else is ever deleted."""
SQS_ROLE = "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"


def missing() -> str:
    """Why the tests on a sandbox account cannot run; empty when they can."""
    if not os.environ.get(SWITCH):
        return "AWS is only used by `make real AWS_PROFILE=... AWS_REGION=...`"
    lacking = [name for name in ("AWS_PROFILE", "AWS_REGION") if not os.environ.get(name)]
    return f"{' and '.join(lacking)} not given: `make real AWS_PROFILE=... AWS_REGION=...`" if lacking else ""


class Sandbox(Server):
    """The account that the given profile reaches."""

    feeding_within = 90.0

    def table(self, **more: Any) -> dict[str, Any]:
        if "propagation_seconds" in more:  # AWS takes longer than an emulator
            more["propagation_seconds"] = 15
        return {"name": "test", "region": os.environ["AWS_REGION"], "profile": os.environ["AWS_PROFILE"]} | more

    def client(self, service: str, region: str = "") -> Any:
        region = region or os.environ["AWS_REGION"]
        if (service, region) not in self._clients:
            import boto3
            from botocore.config import Config

            session = boto3.Session(profile_name=os.environ["AWS_PROFILE"], region_name=region)
            self._clients[service, region] = session.client(service, config=Config(retries={"total_max_attempts": 12}))
        return self._clients[service, region]

    def make_role(self, name: str, *, tags: dict[str, str] | None = None, path: str = "/agents/") -> str:
        arn = super().make_role(name, tags=tags, path=path)
        self.client("iam").attach_role_policy(RoleName=name, PolicyArn=SQS_ROLE)
        return arn

    def make_function(self, name: str, role: str, **more: Any) -> str:
        def make() -> str:
            return super(Sandbox, self).make_function(name, role, **more)

        arn = str(_once_propagated(make))
        self.client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
        return arn


def _once_propagated(make: Callable[[], str], *, within: float = 30.0) -> str:
    """A new role can be assumed seconds after it was made."""
    from botocore.exceptions import ClientError

    end = time.monotonic() + within
    while True:
        try:
            return make()
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidParameterValueException" or time.monotonic() > end:
                raise
            time.sleep(2)


@contextmanager
def sandbox_account(folder: Path) -> Iterator[Server]:
    """Lend the account; afterwards delete what the tests made there."""
    sandbox = Sandbox("real", "", folder)
    try:
        yield sandbox
    finally:
        clean(sandbox)
        sandbox.close()


def clean(sandbox: Server) -> None:
    """Delete the functions, queues, roles, users and groups of the tests."""
    _clean_functions(sandbox.client("lambda"))
    sqs = sandbox.client("sqs")
    for url in sqs.list_queues(QueueNamePrefix="queue-").get("QueueUrls", []):
        if NAMES.fullmatch(url.rpartition("/")[2]):
            sqs.delete_queue(QueueUrl=url)
    iam = sandbox.client("iam")
    for kind, listing in (("role", "Roles"), ("user", "Users"), ("group", "Groups")):
        for path in PATHS:
            for one in getattr(iam, f"list_{kind}s")(PathPrefix=path)[listing]:
                if NAMES.fullmatch(name := one[f"{kind.capitalize()}Name"]):
                    _clean_identity(iam, kind, name)


def _clean_functions(functions: Any) -> None:
    for page in functions.get_paginator("list_functions").paginate():
        for one in page["Functions"]:
            if not NAMES.fullmatch(one["FunctionName"]):
                continue
            for mapping in functions.list_event_source_mappings(FunctionName=one["FunctionName"])[
                "EventSourceMappings"
            ]:
                with suppress(functions.exceptions.ResourceInUseException):
                    functions.delete_event_source_mapping(UUID=mapping["UUID"])
            functions.delete_function(FunctionName=one["FunctionName"])


def _clean_identity(iam: Any, kind: str, name: str) -> None:
    named = {f"{kind.capitalize()}Name": name}
    for policy in getattr(iam, f"list_{kind}_policies")(**named)["PolicyNames"]:
        getattr(iam, f"delete_{kind}_policy")(PolicyName=policy, **named)
    for policy in getattr(iam, f"list_attached_{kind}_policies")(**named)["AttachedPolicies"]:
        getattr(iam, f"detach_{kind}_policy")(PolicyArn=policy["PolicyArn"], **named)
    if kind == "group":
        for user in iam.get_group(GroupName=name)["Users"]:
            iam.remove_user_from_group(GroupName=name, UserName=user["UserName"])
    if kind == "user":
        for group in iam.list_groups_for_user(UserName=name)["Groups"]:
            iam.remove_user_from_group(GroupName=group["GroupName"], UserName=name)
    getattr(iam, f"delete_{kind}")(**named)
