"""What answers of an API server mean, and what of them a person gets to read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from killswitch_backends.kubernetes.failures import (
    Answer,
    Expired,
    one_line,
    problem_of,
    problem_of_event,
    without_data,
)
from killswitch_backends.problems import Changed, Gone, Problem, Refused, Throttled, Unauthenticated, Unreachable

WHERE = "kubernetes:prod"


def _answer(code: int, message: str = "no", headers: dict[str, str] | None = None, **details: Any) -> Answer:
    body = {"kind": "Status", "code": code, "message": message, "details": details}
    return Answer(code, headers or {}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, Refused),
        (401, Unauthenticated),
        (403, Refused),
        (404, Gone),
        (405, Refused),
        (409, Changed),
        (410, Expired),
        (415, Refused),
        (422, Changed),
        (429, Throttled),
        (500, Unreachable),
        (502, Unreachable),
        (503, Unreachable),
        (504, Unreachable),
    ],
)
def test_a_status_code_is_its_type_of_problem(code: int, kind: type[Problem]) -> None:
    assert type(problem_of(WHERE, _answer(code))) is kind


def test_a_failed_json_patch_test_means_changed() -> None:
    cause = {"reason": "UnexpectedServerResponse", "message": "testing value /spec/replicas failed: test failed"}
    answer = _answer(422, "the server rejected our request due to an error in our request", causes=[cause])
    problem = problem_of(WHERE, answer)
    assert type(problem) is Changed
    assert "/spec/replicas" in str(problem)


def test_an_invalid_object_is_refused_with_its_reason() -> None:
    cause = {"reason": "FieldValueInvalid", "message": "Invalid value: -1", "field": "spec.replicas"}
    words = 'Deployment.apps "x" is invalid: spec.replicas: Invalid value: -1'
    problem = problem_of(WHERE, _answer(422, words, causes=[cause]))
    assert type(problem) is Refused
    assert "spec.replicas" in str(problem)


@pytest.mark.parametrize("code", [400, 403, 500])
def test_a_webhooks_refusal_is_final_and_shown(code: int) -> None:
    words = 'admission webhook "policy.example.com" denied the request: frozen until Monday'
    problem = problem_of(WHERE, _answer(code, words))
    assert type(problem) is Refused
    assert "frozen until Monday" in str(problem)


def test_the_wait_that_is_asked_for_is_kept() -> None:
    by_header = problem_of(WHERE, _answer(429, headers={"Retry-After": "3"}, retryAfterSeconds=1))
    by_status = problem_of(WHERE, _answer(429, retryAfterSeconds=2))
    nowhere = problem_of(WHERE, _answer(429, headers={"Retry-After": "soon"}))
    assert [getattr(p, "retry_after", "") for p in (by_header, by_status, nowhere)] == [3.0, 2.0, None]


@pytest.mark.parametrize("body", [b"", b"<html>gateway</html>", b"[]", b"null", b"\xff\xfe", b'{"details": [1]}'])
def test_an_answer_that_is_no_status_still_has_a_type(body: bytes) -> None:
    assert type(problem_of(WHERE, Answer(503, {}, body))) is Unreachable


@pytest.mark.parametrize("event", [{}, {"code": 410}, {"code": "410"}, {"code": 200}, {"code": 500, "message": None}])
def test_a_watchs_error_event_is_a_problem(event: dict[str, Any]) -> None:
    assert isinstance(problem_of_event(WHERE, event), Expired if event.get("code") == 410 else Unreachable)


SECRETS = ("Bearer abc.def", "eyJhbGciOiJSUzI1NiIsImtpZCI6Ik.eyJpc3MiOiJr.c2ln", "A" * 64)


@pytest.mark.parametrize("secret", SECRETS)
def test_what_looks_like_a_credential_is_not_repeated(secret: str) -> None:
    assert secret not in str(problem_of(WHERE, _answer(403, f"token {secret} is not allowed")))


@given(st.text())
def test_a_message_is_one_short_line(message: str) -> None:
    line = one_line(message)
    assert len(line) <= 300
    assert not {"\n", "\r", "\x85", "\u2028"} & set(line)


def test_a_librarys_message_is_cut_before_a_kubeconfigs_content() -> None:
    text = "Expected object with name x in kubeconfig/{'name': 'me', 'user': {'token': 'hunter2'}} list"
    assert without_data(text) == "Expected object with name x in kubeconfig/"
