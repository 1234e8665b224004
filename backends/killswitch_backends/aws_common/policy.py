"""``policy aws``: the least IAM policy for a halt role, Lambda and IAM together, from the lists that ``check`` asks."""

from __future__ import annotations

import json
from collections import defaultdict

from killswitch_backends.aws_common.ages import OWN_USER, RIGHT
from killswitch_backends.aws_common.alarms import template
from killswitch_backends.aws_common.checking import Need
from killswitch_backends.aws_iam.rights import needs as iam_needs
from killswitch_backends.aws_iam.settings import IamSettings
from killswitch_backends.aws_lambda.rights import NEEDS as LAMBDA_NEEDS
from killswitch_backends.policies import Tables

_CHECK = (
    Need("iam:SimulatePrincipalPolicy", "check which rights are lacking"),
    Need(RIGHT, "check how old its own access key is", resource=OWN_USER),
)


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
    """The rules and the topic that tell of what happens past the console (alarms.py)."""
    del tables
    return template()
