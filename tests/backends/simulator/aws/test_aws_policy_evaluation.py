"""Policy evaluation by itself: what must hold of every policy, and the operators one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from killswitch_backends.simulator.aws.iam.documents import Document, identity_policy
from killswitch_backends.simulator.aws.iam.evaluation import Request, Verdict, judge
from killswitch_backends.simulator.aws.iam.wildcards import matches

CONTEXT = {
    "aws:tokenissuetime": ("2026-11-22T12:00:00+00:00",),
    "aws:principaltag/agent": ("refund-1",),
    "aws:sourceip": ("127.0.0.1",),
    "aws:tagkeys": ("agent", "tenant"),
}
REQUEST = Request("lambda:GetFunction", "arn:aws:lambda:eu-central-1:111122223333:function:refund-1", CONTEXT)

ACTIONS = st.sampled_from(["*", "lambda:*", "lambda:Get*", "LAMBDA:getfunction", "iam:*", "lambda:Put?unction"])
RESOURCES = st.sampled_from(["*", REQUEST.resource, "arn:aws:lambda:*:function:refund-?", "arn:aws:iam::*"])


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Deny"]))}
    made[draw(st.sampled_from(["Action", "NotAction"]))] = draw(st.lists(ACTIONS, min_size=1, max_size=3))
    made[draw(st.sampled_from(["Resource", "NotResource"]))] = draw(st.lists(RESOURCES, min_size=1, max_size=2))
    return made


def document(*made: dict[str, Any]) -> Document:
    return identity_policy(json.dumps({"Version": "2012-10-17", "Statement": list(made)}))


DENY = document({"Effect": "Deny", "Action": "*", "Resource": "*"})
ALLOW = document({"Effect": "Allow", "Action": "*", "Resource": "*"})


@settings(deadline=None)
@given(st.lists(statements(), min_size=1, max_size=4))
def test_a_blanket_deny_beats_whatever_else_is_there(made: list[dict[str, Any]]) -> None:
    assert judge((document(*made), DENY), REQUEST) is Verdict.EXPLICIT_DENY
    assert judge((DENY, document(*made)), REQUEST) is Verdict.EXPLICIT_DENY


@settings(deadline=None)
@given(st.lists(statements(), min_size=1, max_size=4), st.randoms())
def test_the_order_of_statements_and_documents_does_not_matter(made: list[dict[str, Any]], random: Any) -> None:
    shuffled = list(made)
    random.shuffle(shuffled)
    whole, apart = judge((document(*made),), REQUEST), judge([document(one) for one in shuffled], REQUEST)
    assert whole is apart


@settings(deadline=None)
@given(st.lists(statements(), min_size=1, max_size=4))
def test_a_boundary_only_ever_takes_away(made: list[dict[str, Any]]) -> None:
    alone = judge((document(*made),), REQUEST)
    assert judge((document(*made),), REQUEST, boundary=ALLOW) is alone
    assert judge((document(*made),), REQUEST, boundary=DENY) is not Verdict.ALLOWED
    assert judge((ALLOW,), REQUEST, boundary=document(*made)) is alone


def test_what_nothing_allows_is_denied() -> None:
    assert judge((), REQUEST) is Verdict.IMPLICIT_DENY


@settings(deadline=None)
@given(st.text(alphabet="ab*?", max_size=6), st.text(alphabet="ab", max_size=6))
def test_wildcards_agree_with_a_naive_matcher(pattern: str, text: str) -> None:
    def naive(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return naive(pattern[1:], text) or bool(text and naive(pattern, text[1:]))
        return bool(text) and pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])

    assert matches(pattern, text) is naive(pattern, text)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"Null": {"aws:TokenIssueTime": "false"}}, True),
        ({"Null": {"aws:TokenIssueTime": True}}, False),
        ({"Null": {"aws:MultiFactorAuthAge": "true"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/agent": ["refund-2", "refund-1"]}}, True),
        ({"StringEquals": {"aws:PrincipalTag/agent": "Refund-1"}}, False),
        ({"StringEqualsIgnoreCase": {"aws:PrincipalTag/agent": "Refund-1"}}, True),
        ({"StringNotEquals": {"aws:PrincipalTag/agent": ["refund-2", "refund-1"]}}, False),
        ({"StringNotEquals": {"aws:PrincipalTag/absent": "x"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/absent": "x"}}, False),
        ({"StringEqualsIfExists": {"aws:PrincipalTag/absent": "x"}}, True),
        ({"StringLike": {"aws:PrincipalTag/agent": "refund-*"}}, True),
        ({"DateLessThan": {"aws:TokenIssueTime": "2026-11-22T12:00:01Z"}}, True),
        ({"DateLessThan": {"aws:TokenIssueTime": "2026-11-22T12:00:00Z"}}, False),
        ({"DateGreaterThanEquals": {"aws:TokenIssueTime": "2026-11-22T12:00:00.000Z"}}, True),
        ({"DateLessThan": {"aws:TokenIssueTime": "1795348801"}}, True),
        ({"DateLessThan": {"aws:TokenIssueTime": "soon"}}, False),
        ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]}}, True),
        ({"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["agent", "tenant", "class"]}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["agent"]}}, False),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["agent"]}}, True),
        ({"StringEquals": {"aws:PrincipalTag/agent": "refund-1"}, "Null": {"aws:SourceIp": "true"}}, False),
    ],
)
def test_conditions(condition: dict[str, Any], holds: bool) -> None:
    deny = document({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition})
    assert judge((ALLOW, deny), REQUEST) is (Verdict.EXPLICIT_DENY if holds else Verdict.ALLOWED)
