"""The EventBridge rules, matched as EventBridge matches them, against events as CloudTrail tells them."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from killswitch_backends.aws_common.alarms import patterns, template
from killswitch_backends.aws_iam.denial import denial


def matches(pattern: Any, event: Any) -> bool:
    """EventBridge's rule: every field of the pattern is in the event, with one of the listed values."""
    if isinstance(pattern, list):
        return any(_one(wanted, event) for wanted in pattern)
    return all(key in event and matches(wanted, event[key]) for key, wanted in pattern.items())


def _one(wanted: Any, found: Any) -> bool:
    if not isinstance(wanted, dict):
        return bool(wanted == found)
    ((kind, text),) = wanted.items()
    text = str(text)
    return {"prefix": str(found).startswith(text), "suffix": str(found).endswith(text)}.get(
        kind, fnmatchcase(str(found), text)
    )


def event(source: str, name: str, **parameters: Any) -> dict[str, Any]:
    return {
        "source": source, "detail-type": "AWS API Call via CloudTrail",
        "detail": {"eventName": name, "requestParameters": parameters},
    }  # fmt: skip


def told(happened: dict[str, Any]) -> set[str]:
    return {name for name, pattern in patterns().items() if matches(pattern, happened)}


@pytest.mark.parametrize(
    ("happened", "rules"),
    [
        (
            event("aws.lambda", "PutFunctionConcurrency20171031", functionName="f", reservedConcurrentExecutions=0),
            {"KillswitchFunctionToZero"},
        ),
        (
            event("aws.lambda", "PutFunctionConcurrency20171031", functionName="f", reservedConcurrentExecutions=3),
            set(),
        ),
        (event("aws.iam", "PutRolePolicy", roleName="r", policyDocument=denial("h-1")), {"KillswitchDenyWritten"}),
        (event("aws.iam", "PutRolePolicy", roleName="r", policyDocument='{"Statement":{"Effect":"Allow"}}'), set()),
        (
            event("aws.iam", "AttachUserPolicy", policyArn="arn:aws:iam::aws:policy/AWSDenyAll"),
            {"KillswitchDenyAllAttached"},
        ),
        (event("aws.lambda", "DeleteFunctionConcurrency20171031", functionName="f"), {"KillswitchHaltUndone"}),
        (event("aws.iam", "DeleteRolePolicy", roleName="r"), {"KillswitchHaltUndone"}),
        (event("aws.lambda", "GetFunction20150331v2", functionName="f"), set()),
    ],
)
def test_what_happens_past_the_console_is_told(happened: dict[str, Any], rules: set[str]) -> None:
    assert told(happened) == rules


def test_every_rule_reaches_the_topic_and_may() -> None:
    resources = json.loads(template())["Resources"]
    rules = {name for name, one in resources.items() if one["Type"] == "AWS::Events::Rule"}
    assert rules == set(patterns())
    topic = {"Ref": "KillswitchAlarms"}
    assert all(resources[name]["Properties"]["Targets"] == [{"Id": "alarms", "Arn": topic}] for name in rules)
    (statement,) = resources["KillswitchAlarmsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert {one["Fn::GetAtt"][0] for one in statement["Condition"]["ArnEquals"]["aws:SourceArn"]} == rules
