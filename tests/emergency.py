"""What an organisation arranges for the day that login is down: the key of one who may only assume the halt role."""

from __future__ import annotations

import json
from collections.abc import Mapping

from simulated import Simulated
from worldview import aws_client

SERVICES = ["lambda:*", "iam:*", "tag:*", "cloudwatch:*", "sts:GetCallerIdentity"]


def _allow(*actions: str, resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def glass_key(sim: Simulated) -> Mapping[str, str]:
    """The fields of a credential of kind ``aws-key``."""
    iam = aws_client(sim, "iam")
    user = iam.create_user(UserName="break-glass", Path="/emergency/")["User"]["Arn"]
    trust = {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="ks-halt", Path="/emergency/", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName="ks-halt", PolicyName="halt", PolicyDocument=_allow(*SERVICES))
    iam.put_user_policy(UserName="break-glass", PolicyName="p", PolicyDocument=_allow("sts:AssumeRole", resource=role))
    key = iam.create_access_key(UserName="break-glass")["AccessKey"]
    iam.close()
    return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"], "role_arn": role}
