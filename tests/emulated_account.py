"""A console's configuration on an AWS emulator that is not ours, and what a halt may change there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aws_servers import Server

TAGS = {"agent": "refund-1", "agent-class": "refund", "agent-tenant": "acme"}


def configure(server: Server, path: Path) -> Path:
    """A configuration whose Lambda and IAM tables reach one emulator."""
    lines = ['environment = "emulated"', f"state_dir = {json.dumps(str(path.parent / 'state'))}"]
    for kind, more in (("lambda", {"init_seconds": 0, "earlier_timeout": 0}), ("iam", {"propagation_seconds": 1.0})):
        lines += [f"[[{kind}]]", *(f"{key} = {json.dumps(value)}" for key, value in server.table(**more).items())]
    path.write_text("\n".join(lines))
    return path


def state_of(server: Server) -> dict[str, Any]:
    """What the halt may change."""
    functions, iam = server.client("lambda"), server.client("iam")
    reserved = functions.get_function_concurrency(FunctionName="refund-1").get("ReservedConcurrentExecutions")
    arn = functions.get_function(FunctionName="refund-1")["Configuration"]["FunctionArn"]
    return {
        "reserved": reserved,
        "function tags": functions.list_tags(Resource=arn)["Tags"],
        "inline": iam.list_role_policies(RoleName="refund-1-role")["PolicyNames"],
        "role tags": sorted(t["Key"] for t in iam.list_role_tags(RoleName="refund-1-role")["Tags"]),
    }
