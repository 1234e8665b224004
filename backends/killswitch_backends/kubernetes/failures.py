"""What the API server's answers mean, as the types of ``problems.py``.

A ``Status`` message is shown (a webhook's refusal, a missing right), cut to one short line; words that look like
credentials are not.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.outside import parsed
from killswitch_backends.problems import Changed, Gone, Problem, Refused, Throttled, Unauthenticated, Unreachable

_LONGEST_MESSAGE = 300
_LONGEST_SEARCHED = 4_000
_MOST_CAUSES = 20
_SECRET_LIKE = re.compile(r"(?i)\b(bearer|basic)\s+\S+|eyJ[\w.-]{10,}|[A-Za-z0-9+/_=.-]{64,}")
_MAPPING = re.compile(r"[{\[].*", re.DOTALL)
_FAILED_TEST = re.compile(r"(?i)test(ing)?\b.*\bfail|does not apply|missing path|nonexistent|unable to find")


_NO_RIGHT = re.compile(r"(?i)\bcannot \w+ (resource|path)\b")


class Expired(Changed):
    """A resource version or continue token is too old (410): list anew."""


class Unreadable(Unreachable):
    """It answered with something that is not what the API promises."""


class Forbidden(Refused):
    """A right is missing (RBAC), as against an admission webhook's no."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as received: status, headers (case-insensitive) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def one_line(text: str) -> str:
    """Platform text as one short line without what looks like a credential."""
    line = " ".join(_SECRET_LIKE.sub("[hidden]", text[:_LONGEST_SEARCHED]).split())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"


def without_data(text: str) -> str:
    """A library's message cut before the first printed mapping or list, where a kubeconfig's secrets would be."""
    return one_line(_MAPPING.sub("", text).rstrip(" '\"")) or "no usable content"


def problem_of(where: str, answer: Answer) -> Problem:
    """The problem that an answer of 400 or above stands for."""
    status = _status_object(answer.body)
    words = _words(status) or f"HTTP {answer.status}"
    match answer.status:
        case 401:
            return Unauthenticated(where, f"not authenticated: {words}", todo="renew the kubeconfig's credentials")
        case 403:
            kind = Forbidden if _NO_RIGHT.search(words) else Refused
            return kind(where, f"forbidden: {words}", todo="grant the right, see 'policy kubernetes'")
        case 404:
            return Gone(where, f"not found: {words}")
        case 409:
            return Changed(where, f"conflict: {words}")
        case 410:
            return Expired(where, f"expired: {words}")
        case 422 if not _causes(status) or _FAILED_TEST.search(_all_text(status)):
            # a failed test has only the generic message (apiserver's NewGenericServerResponse); a bad value has causes
            return Changed(where, f"no longer as captured: {words}")
        case 429:
            return Throttled(where, f"asks to slow down: {words}", retry_after=_retry_after(answer.headers, status))
        case code if code >= 500:
            return Refused(where, words) if _is_webhook_denial(words) else Unreachable(where, f"HTTP {code}: {words}")
        case _:
            return Refused(where, words)


def problem_of_event(where: str, status: Any) -> Problem:
    """The problem that a watch's ``ERROR`` event stands for."""
    code = status.get("code") if isinstance(status, dict) else None
    body = json.dumps(status).encode()
    return problem_of(where, Answer(code if isinstance(code, int) and code >= 400 else 500, {}, body))


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        found = parsed(body)
    except ValueError:
        return {"message": body[:_LONGEST_MESSAGE].decode("utf-8", "replace")}
    return found if isinstance(found, dict) else {}


def _causes(status: Mapping[str, Any]) -> list[str]:
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    listed = causes[:_MOST_CAUSES] if isinstance(causes, list) else []
    return [_said(c.get("message")) for c in listed if isinstance(c, dict)]


def _said(message: Any) -> str:
    """A message, if it is one, cut to what is searched: patterns take time that grows faster than their text."""
    return message[:_LONGEST_SEARCHED] if isinstance(message, str) else ""


def _words(status: Mapping[str, Any]) -> str:
    message, causes = _said(status.get("message")), _causes(status)
    return one_line(f"{message}: {causes[0]}" if causes and causes[0] not in message else message)


def _all_text(status: Mapping[str, Any]) -> str:
    return " ".join([_said(status.get("message")), *_causes(status)])[:_LONGEST_SEARCHED]


def _is_webhook_denial(words: str) -> bool:
    return "admission webhook" in words and "denied the request" in words


def _retry_after(headers: Mapping[str, str], status: Mapping[str, Any]) -> float | None:
    """Seconds to wait: the header, else the Status' own hint."""
    details = status.get("details")
    hints = (headers.get("Retry-After"), details.get("retryAfterSeconds") if isinstance(details, dict) else None)
    for hint in hints:
        try:
            seconds = float(hint)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None
