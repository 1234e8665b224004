"""The verdict over a request: explicit deny beats allow, and what nothing allows is denied.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html (no SCPs here).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from killswitch_backends.simulator.aws.iam.conditions import Context
from killswitch_backends.simulator.aws.iam.documents import Document, Statement
from killswitch_backends.simulator.aws.iam.wildcards import matches


class Verdict(StrEnum):
    """IAM's three answers, spelt as SimulatePrincipalPolicy spells them."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of IAM: an action (``lambda:GetFunction``) on a resource, in a context."""

    action: str
    resource: str
    context: Context


def judge(documents: Iterable[Document], request: Request, *, boundary: Document | None = None) -> Verdict:
    """The verdict of an identity's policies, within its permissions boundary if it has one."""
    verdict = _judge_alone(documents, request)
    if boundary is None or verdict is Verdict.EXPLICIT_DENY:
        return verdict
    limit = _judge_alone((boundary,), request)
    return verdict if limit is Verdict.ALLOWED else limit


def _judge_alone(documents: Iterable[Document], request: Request) -> Verdict:
    verdict = Verdict.IMPLICIT_DENY
    for document in documents:
        for statement in document.statements:
            if (statement.deny or verdict is Verdict.IMPLICIT_DENY) and applies(statement, request):
                if statement.deny:
                    return Verdict.EXPLICIT_DENY
                verdict = Verdict.ALLOWED
    return verdict


def applies(statement: Statement, request: Request) -> bool:
    """Whether a statement speaks about this request."""
    return (
        _named(statement.actions, statement.not_actions, request.action.lower())
        and _named(statement.resources, statement.not_resources, request.resource)
        and all(condition.holds(request.context) for condition in statement.conditions)
    )


def trusts(trust: Document, *, action: str, principals: frozenset[tuple[str, str]], context: Context) -> bool:
    """Whether a role's trust policy lets any of these spellings of the caller assume it."""
    verdict = False
    for statement in trust.statements:
        named = any(principal in principals or principal[1] == "*" for principal in statement.principals)
        if not named or not _named(statement.actions, statement.not_actions, action.lower()):
            continue
        if all(condition.holds(context) for condition in statement.conditions):
            if statement.deny:
                return False
            verdict = True
    return verdict


def unconditional(documents: Iterable[Document]) -> bool:
    """Whether no statement has a condition, so that a verdict holds for every context."""
    return not any(statement.conditions for document in documents for statement in document.statements)


def _named(patterns: Sequence[str], exceptions: Sequence[str], text: str) -> bool:
    if patterns:
        return any(matches(pattern, text) for pattern in patterns)
    return not any(matches(pattern, text) for pattern in exceptions)
