"""``policy eventbridge``: a CloudFormation template whose rules tell a topic of what should never happen unseen.

Break-glass used, a function brought to zero, an identity denied everything, a held target touched: whoever does that
past the console is recorded all the same. It needs a trail that logs management events; IAM's and STS's events of the
global endpoint reach EventBridge in us-east-1 only, so the stack belongs there and in every region with functions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from killswitch_backends.aws_common.emergency import SESSION_NAME

Pattern = Mapping[str, Any]

_DENIES = [{"wildcard": '*"Effect"*:*"Deny"*'}]
"""A document is text in the event; the rule tells of every deny, a person sees whether it is of everything."""


def patterns() -> dict[str, Pattern]:
    """The event patterns by rule name. Lambda's event names carry a date: prefixes."""
    return {
        "KillswitchBreakGlassUsed": _called(
            "aws.sts", ["AssumeRole"], {"requestParameters": {"roleSessionName": [SESSION_NAME]}}
        ),
        "KillswitchFunctionToZero": _called(
            "aws.lambda",
            _prefixed("PutFunctionConcurrency"),
            {"requestParameters": {"reservedConcurrentExecutions": [0]}},
        ),
        "KillswitchManagedInstancesScaled": _called("aws.lambda", _prefixed("PutFunctionScalingConfig"), {}),
        "KillswitchDenyWritten": _called(
            "aws.iam", [f"Put{kind}Policy" for kind in _KINDS], {"requestParameters": {"policyDocument": _DENIES}}
        ),
        "KillswitchDenyAllAttached": _called(
            "aws.iam",
            [f"Attach{kind}Policy" for kind in _KINDS],
            {"requestParameters": {"policyArn": [{"suffix": ":policy/AWSDenyAll"}]}},
        ),
        "KillswitchHaltUndone": {
            "source": ["aws.lambda", "aws.iam"],
            "detail-type": [_VIA_TRAIL],
            "detail": {"eventName": _prefixed(*_UNDOING)},
        },
    }


_KINDS = ("Role", "User", "Group")
_VIA_TRAIL = "AWS API Call via CloudTrail"
_UNDOING = (
    "DeleteFunctionConcurrency",
    "UpdateEventSourceMapping",
    "ResumeDurableExecution",
    *(f"{verb}{kind}Policy" for kind in _KINDS for verb in ("Delete", "Detach")),
)
"""The calls that can undo a halt. The console's own match too: its name is in the user agent."""


def _prefixed(*names: str) -> list[Mapping[str, str]]:
    return [{"prefix": name} for name in names]


def _called(source: str, names: list[Any], detail: Mapping[str, Any]) -> Pattern:
    return {"source": [source], "detail-type": [_VIA_TRAIL], "detail": {"eventName": names, **detail}}


def template() -> str:
    """The template, as JSON."""
    topic = {"Ref": "KillswitchAlarms"}
    rules = {
        name: {
            "Type": "AWS::Events::Rule",
            "Properties": {"EventPattern": pattern, "Targets": [{"Id": "alarms", "Arn": topic}]},
        }
        for name, pattern in patterns().items()
    }
    publish = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"ArnEquals": {"aws:SourceArn": [{"Fn::GetAtt": [name, "Arn"]} for name in rules]}},
    }
    resources = {
        "KillswitchAlarms": {"Type": "AWS::SNS::Topic"},
        "KillswitchAlarmsPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [topic],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": [publish]},
            },
        },
        **rules,
    }
    about = "Alarms for what happens past killswitch-console. Subscribe people to the topic KillswitchAlarms."
    document = {"AWSTemplateFormatVersion": "2010-09-09", "Description": about, "Resources": resources}
    return json.dumps(document, indent=2) + "\n"
