"""Policy documents: read, validated as IAM validates them, and kept both as text and as statements.

Source of the grammar: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.iam import conditions

_VERSIONS = (None, "2012-10-17", "2008-10-17")
_STATEMENT_KEYS = frozenset(
    ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal", "NotPrincipal")
)
_SID = re.compile(r"[0-9A-Za-z]*")
_ACTION = re.compile(r"\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. Actions are in lower case; empty tuples stand for absent elements."""

    sid: str
    deny: bool
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    conditions: tuple[conditions.Condition, ...]
    principals: tuple[tuple[str, str], ...] = ()
    """Of a trust policy: pairs such as ``("AWS", ARN)`` and ``("Service", "lambda.amazonaws.com")``."""


@dataclass(frozen=True, slots=True)
class Document:
    """A policy document as it was given, and what it says."""

    text: str
    statements: tuple[Statement, ...]
    size: int
    """Characters without whitespace, as the inline quotas count them."""


@lru_cache(maxsize=4096)
def identity_policy(text: str) -> Document:
    """Read a policy that is put on an identity.

    Raises:
        AwsError: ``MalformedPolicyDocument``.
    """
    return _document(text, trust=False)


@lru_cache(maxsize=1024)
def trust_policy(text: str) -> Document:
    """Read a role's trust policy. Raises as ``identity_policy`` does."""
    return _document(text, trust=True)


def _document(text: str, *, trust: bool) -> Document:
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError:
        raise _malformed("This policy contains invalid Json") from None
    if not isinstance(parsed, dict) or not parsed.keys() <= {"Version", "Id", "Statement"}:
        raise _malformed("Syntax errors in policy.")
    if parsed.get("Version") not in _VERSIONS:
        raise _malformed("The policy must contain a valid version string")
    raw = parsed.get("Statement")
    raw_statements = [raw] if isinstance(raw, dict) else raw
    if not isinstance(raw_statements, list) or not raw_statements:
        raise _malformed("Syntax errors in policy.")
    statements = tuple(_statement(one, trust=trust) for one in raw_statements)
    _check_sids(statements)
    return Document(text, statements, sum(not character.isspace() for character in text))


def _check_sids(statements: Sequence[Statement]) -> None:
    sids = [statement.sid for statement in statements if statement.sid]
    if len(sids) != len(set(sids)):
        raise _malformed("Statement IDs (SID) in a single policy must be unique.")
    if not all(_SID.fullmatch(sid) for sid in sids):
        raise _malformed("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies [0-9A-Za-z]*")


def _statement(raw: Any, *, trust: bool) -> Statement:
    if not isinstance(raw, dict) or not raw.keys() <= _STATEMENT_KEYS or raw.get("Effect") not in ("Allow", "Deny"):
        raise _malformed("Syntax errors in policy.")
    if ("Action" in raw) == ("NotAction" in raw):
        raise _malformed("Policy statement must contain actions.")
    _check_target(raw, trust=trust)
    try:
        parsed = conditions.parse(raw.get("Condition", {}))
    except (conditions.UnknownOperator, AttributeError, TypeError) as error:
        raise _malformed(
            str(error) if isinstance(error, conditions.UnknownOperator) else "Syntax errors in policy."
        ) from None
    return Statement(
        sid=raw.get("Sid", ""),
        deny=raw["Effect"] == "Deny",
        actions=_actions(raw.get("Action", [])),
        not_actions=_actions(raw.get("NotAction", [])),
        resources=_texts(raw.get("Resource", [])),
        not_resources=_texts(raw.get("NotResource", [])),
        conditions=parsed,
        principals=_principals(raw.get("Principal", {})),
    )


def _check_target(raw: Mapping[str, Any], *, trust: bool) -> None:
    if trust:
        if "Principal" not in raw:
            raise _malformed("AssumeRole policy must contain principals.")
        if "Resource" in raw or "NotResource" in raw:
            raise _malformed("Has prohibited field Resource")
        return
    if "Principal" in raw or "NotPrincipal" in raw:
        raise _malformed("Policy document should not specify a principal.")
    if ("Resource" in raw) == ("NotResource" in raw):
        raise _malformed("Policy statement must contain resources.")


def _actions(value: Any) -> tuple[str, ...]:
    actions = _texts(value)
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise _malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    return tuple(action.lower() for action in actions)


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values):
        raise _malformed("Syntax errors in policy.")
    return tuple(values)


def _principals(value: Any) -> tuple[tuple[str, str], ...]:
    if value == "*":
        return (("AWS", "*"),)
    if not isinstance(value, dict):
        raise _malformed("Invalid principal in policy.")
    return tuple((kind, one) for kind, given in value.items() for one in _texts(given))


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", message)
