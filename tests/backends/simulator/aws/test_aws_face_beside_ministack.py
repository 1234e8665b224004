"""The same calls to the face and to ministack have the same outcomes.

Left out is what ministack is known to get wrong (platforms.md F): zero beside provisioned concurrency, the unreserved
minimum, qualified names, quotas, service-linked roles, a list of provisioned concurrency that is empty.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from aws_face import client_of, serving, unlimited
from aws_servers import ministack_server

ROLE = "arn:aws:iam::000000000000:role/agents/same"
UUID = "819de2e0-0c1b-4f7c-bf5b-44e795c05e5f"
DENY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
CODE = b"PK\x05\x06" + b"\0" * 18  # an empty zip file

Step = tuple[str, str, dict[str, Any]]
Outcome = tuple[object, ...]


def lambda_steps() -> Iterator[Step]:
    new = {"Runtime": "python3.11", "Role": ROLE, "Handler": "app.handler", "Code": {"ZipFile": CODE}}
    plain = (
        "get_function",
        "get_function_concurrency",
        "delete_function_concurrency",
        "get_function_event_invoke_config",
    )
    calls: list[tuple[str, dict[str, Any]]] = [
        ("create_function", new | {"Tags": {"agent": "a"}}),
        ("create_function", new),
        *((name, {}) for name in plain),
        ("put_function_concurrency", {"ReservedConcurrentExecutions": 0}),
        ("get_function", {}),
        ("get_function_concurrency", {}),
        ("invoke", {}),
        ("invoke", {"InvocationType": "Event"}),
        ("delete_function_concurrency", {}),
        ("get_function_concurrency", {}),
        ("put_function_event_invoke_config", {"MaximumRetryAttempts": 1}),
        ("get_function_event_invoke_config", {}),
        ("delete_function_event_invoke_config", {}),
        ("publish_version", {}),
        ("create_alias", {"Name": "live", "FunctionVersion": "1"}),
        ("create_alias", {"Name": "live", "FunctionVersion": "1"}),
        ("put_provisioned_concurrency_config", {"Qualifier": "live", "ProvisionedConcurrentExecutions": 1}),
        ("delete_provisioned_concurrency_config", {"Qualifier": "live"}),
        ("get_provisioned_concurrency_config", {"Qualifier": "live"}),
        ("delete_function", {}),
        *((name, {}) for name in ("get_function", "get_function_concurrency", "delete_function_concurrency", "invoke")),
    ]
    yield from (("lambda", name, {"FunctionName": "same", **fields}) for name, fields in calls)
    yield "lambda", "get_event_source_mapping", {"UUID": UUID}
    yield "lambda", "update_event_source_mapping", {"UUID": UUID, "Enabled": False}


def iam_steps() -> Iterator[Step]:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("create_role", {"Path": "/agents/", "AssumeRolePolicyDocument": TRUST}),
        ("create_role", {"AssumeRolePolicyDocument": TRUST}),
        ("put_role_policy", {"PolicyName": "killswitch", "PolicyDocument": DENY}),
        ("put_role_policy", {"PolicyName": "broken", "PolicyDocument": "{"}),
        ("get_role_policy", {"PolicyName": "killswitch"}),
        ("get_role_policy", {"PolicyName": "absent"}),
        ("delete_role_policy", {"PolicyName": "absent"}),
        ("list_role_policies", {}),
        ("tag_role", {"Tags": [{"Key": "killswitch:halt", "Value": "h-1"}]}),
        ("list_role_tags", {}),
        ("untag_role", {"TagKeys": ["killswitch:halt", "absent"]}),
        ("list_attached_role_policies", {}),
        ("detach_role_policy", {"PolicyArn": "arn:aws:iam::aws:policy/AWSDenyAll"}),
        ("delete_role", {}),
        ("delete_role_policy", {"PolicyName": "killswitch"}),
        ("delete_role", {}),
        *((name, {}) for name in ("get_role", "list_role_policies", "list_role_tags", "delete_role")),
    ]
    yield from (("iam", name, {"RoleName": "same", **fields}) for name, fields in calls)
    yield "iam", "get_user", {"UserName": "nobody"}
    yield "iam", "get_group", {"GroupName": "nobody"}
    yield "iam", "get_policy", {"PolicyArn": "arn:aws:iam::aws:policy/Nothing"}
    yield "iam", "list_roles", {"PathPrefix": "/nobody/"}


TOLD = ("Concurrency", "ReservedConcurrentExecutions", "MaximumRetryAttempts", "PolicyDocument", "PolicyNames", "Tags")


def outcome(client: Any, name: str, fields: dict[str, Any]) -> Outcome:
    """What a console would go by: status, error code and reason, and the fields it reads."""
    try:
        answer = getattr(client, name)(**fields)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status, error.response["Error"]["Code"], error.response.get("Reason")
    return answer["ResponseMetadata"]["HTTPStatusCode"], *(answer.get(member) for member in TOLD)


def outcomes(client: Callable[[str], Any]) -> list[tuple[str, Outcome]]:
    clients = {service: client(service) for service in ("lambda", "iam")}
    steps = (*lambda_steps(), *iam_steps())
    return [(name, outcome(clients[service], name, fields)) for service, name, fields in steps]


def test_outcomes_agree(tmp_path: Path) -> None:
    with serving(behaviour=unlimited()) as served, ministack_server(tmp_path) as ministack:
        keys = {"aws_access_key_id": ministack.access_key, "aws_secret_access_key": ministack.secret_key}
        theirs = outcomes(lambda service: client_of(ministack.url, service, keys))
        assert outcomes(served.client) == theirs
