"""``policy aws``: the least IAM policy for a halt role, Lambda and IAM together, from the lists that ``check`` asks."""

from __future__ import annotations

import json
from collections import defaultdict

from killswitch_backends.aws_common.checking import Need
from killswitch_backends.aws_common.emergency import SESSION_NAME
from killswitch_backends.aws_iam.rights import needs as iam_needs
from killswitch_backends.aws_iam.settings import IamSettings
from killswitch_backends.aws_lambda.rights import NEEDS as LAMBDA_NEEDS
from killswitch_backends.policies import Tables

_REVIVING = (
    "PutFunctionConcurrency",
    "DeleteFunctionConcurrency",
    "UpdateEventSourceMapping",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "DeleteUserPolicy",
    "DetachUserPolicy",
)
"""CloudTrail's names of the calls that can undo a halt, some with a date behind them."""

_CHECK = (Need("iam:SimulatePrincipalPolicy", "check which rights are lacking"),)


def policy(tables: Tables) -> str:
    """One policy document. ``ACCOUNT`` stands for the account id, which a policy may also leave to ``*``."""
    configured = [table for table in tables.get("iam", ()) if isinstance(table, IamSettings)]
    iam = configured or [IamSettings(name="example")]
    needs = [*LAMBDA_NEEDS, *(need for table in iam for need in iam_needs(table)), *_CHECK]
    by_resource: defaultdict[str, set[str]] = defaultdict(set)
    for need in needs:
        by_resource[need.resource].add(need.action)
    statements = [
        {"Sid": f"Killswitch{number}", "Effect": "Allow", "Action": sorted(actions), "Resource": resource}
        for number, (resource, actions) in enumerate(by_resource.items(), 1)
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def eventbridge(tables: Tables) -> str:
    """Two EventBridge patterns over CloudTrail: break-glass was used, and somebody touched what a halt may hold.

    The second tells of revivals by hand; the console's own changes match it too, with its name as the user agent.
    """
    del tables
    used = {"source": ["aws.sts"], "detail": {"eventName": ["AssumeRole"]}}
    session = {"requestParameters": {"roleSessionName": [SESSION_NAME]}}
    touched = {
        "source": ["aws.lambda", "aws.iam"],
        "detail": {"eventName": [{"prefix": prefix} for prefix in _REVIVING]},
    }
    patterns = {
        "killswitch-break-glass-used": {**used, "detail": {**used["detail"], **session}},  # type: ignore[dict-item]
        "killswitch-halted-targets-touched": touched,
    }
    return json.dumps(patterns, indent=2) + "\n"
