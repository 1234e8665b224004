"""AWS that sends nonsense: the function runs and the role is not denied, so neither may ever come out as stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aws_asking import opened
from aws_servers import ACCESS_KEY, REGION, SECRET_KEY
from hostile.liar import Liar, Reply
from hostile.strategies import JUNK, anything, examples, on_the_wire, spoilt, text, without
from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_iam import KIND as IAM
from killswitch_backends.aws_iam.denial import denies_all, halt_in, sid_in
from killswitch_backends.aws_iam.entities import Kind, Ref
from killswitch_backends.aws_lambda import KIND as LAMBDA
from killswitch_backends.aws_lambda.functions import EventSource, Function, State
from killswitch_backends.aws_lambda.observing import look
from killswitch_backends.aws_lambda.prior import RESERVED, prior_of
from killswitch_backends.problems import Problem, Throttled
from killswitch_backends.protocol import Accepted, Captured, Sight, Watch
from killswitch_inventory.targets import BackendRef, TargetId

TARGET = TargetId(BackendRef("lambda", "test"), "refund-1")
ARN = f"arn:aws:lambda:{REGION}:123456789012:function:refund-1"
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)
PRIOR = {"reserved": 5, "provisioned": {}, "event_sources": {}, "timeout": 3}
WATCH = Watch(Captured(TARGET, PRIOR, LONG_AGO), Accepted(TARGET, LONG_AGO, bound=LONG_AGO + timedelta(minutes=1)))
FUNCTION = {
    "Configuration": {"FunctionName": "refund-1", "FunctionArn": ARN, "Timeout": 3, "Role": "arn:aws:iam::1:role/r"},
    "Concurrency": {"ReservedConcurrentExecutions": 5},
    "Tags": {"agent": "refund-1"},
}
RESERVATION = {"ReservedConcurrentExecutions": 5}


@pytest.fixture(scope="module")
def table(liar: Liar, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path: Path = tmp_path_factory.mktemp("aws") / "credentials"
    path.write_text(f"[test]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n")
    own = {"name": "test", "region": REGION, "profile": "test", "endpoint_url": liar.address}
    return own | {"credentials_file": str(path)}


@pytest.fixture(scope="module")
def functions(runner: asyncio.Runner, table: dict[str, Any]) -> Iterator[Any]:
    context = opened(LAMBDA, table | {"calls_per_second": 1000})
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def identities(runner: asyncio.Runner, table: dict[str, Any]) -> Iterator[Any]:
    context = opened(IAM, table)
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


async def sight_of(backend: Any) -> Sight:
    """What one look comes to; a problem is told as unknown by whoever looks."""
    try:
        seen = await look(
            backend._api, WATCH, backend._limits, lambda: datetime.now(UTC), unmarked="", remark=lambda _: None
        )
    except Problem:
        return Sight.UNKNOWN
    return seen.sight


def is_zero(document: Any) -> bool:
    """Whether a document soundly says 0: no lie that could be seen."""
    found = document.get("Concurrency", document) if isinstance(document, dict) else {}
    value = found.get("ReservedConcurrentExecutions") if isinstance(found, dict) else None
    return type(value) is int and value == 0


@examples(60)
@given(spoilt(FUNCTION), spoilt(RESERVATION))
@example(((), FUNCTION | {"Concurrency": {"ReservedConcurrentExecutions": False}}), ((), {}))
@example(((), FUNCTION | {"Concurrency": {"ReservedConcurrentExecutions": 0.0}}), ((), {}))
@example(((), without(FUNCTION, ("Concurrency",))), ((), {"ReservedConcurrentExecutions": False}))
@example(
    ((), {"Configuration": {"FunctionName": "another"}, "Concurrency": {"ReservedConcurrentExecutions": 0}}), ((), {})
)
def test_no_nonsense_makes_a_function_stopped(
    runner: asyncio.Runner, liar: Liar, functions: Any, whole: tuple[Any, Any], reserved: tuple[Any, Any]
) -> None:
    if (is_zero(whole[1]) and whole[1].get("Configuration") == FUNCTION["Configuration"]) or is_zero(reserved[1]):
        return
    answers = {True: on_the_wire(reserved[1]), False: on_the_wire(whole[1])}
    liar.answer = lambda request, _body: Reply(answers[request.path.endswith("/concurrency")])
    assert runner.run(sight_of(functions)) is not Sight.STOPPED


@pytest.mark.parametrize("body", JUNK, ids=range(len(JUNK)))
def test_junk_from_lambda_leaves_it_unknown(runner: asyncio.Runner, liar: Liar, functions: Any, body: bytes) -> None:
    liar.answer = lambda _request, _body: Reply(body)
    assert runner.run(sight_of(functions)) in (Sight.UNKNOWN, Sight.ACTING)


def test_a_list_of_functions_without_end_is_left(runner: asyncio.Runner, liar: Liar, functions: Any) -> None:
    page = {"Functions": [FUNCTION["Configuration"]], "NextMarker": "again"}
    liar.answer = lambda _request, _body: Reply(on_the_wire(page))

    async def listed() -> int:
        return len([page async for page in functions._api.functions(Urgency.PROVE)])

    with pytest.raises(Problem, match="does not end"):
        runner.run(listed())


@pytest.mark.parametrize("timeout", [-1000, 0, 10**9, None])
def test_a_timeout_that_is_none_counts_as_the_longest(timeout: int | None) -> None:
    told: Any = {"FunctionName": "f"} | ({} if timeout is None else {"Timeout": timeout})
    assert Function.of(told).timeout == 900


@pytest.mark.parametrize("after", ["inf", "nan", "1e308", "-5", "soon", "86400"])
def test_no_platform_has_a_halt_wait_for_a_day(runner: asyncio.Runner, liar: Liar, functions: Any, after: str) -> None:
    headers = {"Content-Type": "application/json", "Retry-After": after, "x-amzn-ErrorType": "TooManyRequestsException"}
    liar.answer = lambda _request, _body: Reply(b"{}", 429, headers)
    client = runner.run(functions._api.client())
    with pytest.raises(Throttled) as caught:
        runner.run(functions._api._aws._once(client.list_functions, "x", Urgency.HALT, None))
    assert caught.value.retry_after is None or 0 <= caught.value.retry_after <= 60


def _policy(document: str) -> bytes:
    """GetRolePolicy's answer in IAM's own XML."""
    fields = f"<RoleName>r</RoleName><PolicyName>p</PolicyName><PolicyDocument>{quote(document)}</PolicyDocument>"
    return (
        '<GetRolePolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRolePolicyResult>'
        f"{fields}</GetRolePolicyResult><ResponseMetadata><RequestId>x</RequestId></ResponseMetadata>"
        "</GetRolePolicyResponse>"
    ).encode()


ALMOST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Sid": "x"}]}


@examples(25)
@given(st.one_of(spoilt(ALMOST).map(lambda drawn: json.dumps(drawn[1])), anything.map(json.dumps), text))
@example("[" * 5_000)
@example("not json")
def test_no_policy_that_is_none_denies(runner: asyncio.Runner, liar: Liar, identities: Any, document: str) -> None:
    body = _policy(document.encode("utf-8", "replace").decode())
    liar.answer = lambda _request, _body: Reply(body, headers={"Content-Type": "text/xml"})
    try:
        found = runner.run(identities._api.deny(Ref(Kind.ROLE, "r"), Urgency.HALT))
    except Problem:
        return
    assert not denies_all(found)
    assert sid_in(found) is None


@pytest.mark.parametrize("body", JUNK, ids=range(len(JUNK)))
def test_junk_from_iam_is_a_problem(runner: asyncio.Runner, liar: Liar, identities: Any, body: bytes) -> None:
    liar.answer = lambda _request, _body: Reply(body, headers={"Content-Type": "text/xml"})
    with pytest.raises(Problem):
        runner.run(identities._api.deny(Ref(Kind.ROLE, "r"), Urgency.HALT))


@given(text)
def test_any_sid_is_read(sid: str) -> None:
    assert isinstance(halt_in(sid), str)


@examples(60)
@given(
    st.dictionaries(st.sampled_from(["provisioned-1", "event-sources-1", "auto-scaling-1", "scaling-1"]), text), text
)
@example({"event-sources-1": "theirs"}, "none")
@example({"provisioned-1": "live:\u00b2"}, "\u00b2")
def test_tags_written_by_somebody_hostile_name_no_other_functions_event_source(
    tags: dict[str, str], reserved: str
) -> None:
    """An event source is disabled by a halt, and enabled by its restore: only what feeds this function may be."""
    own = EventSource("mine", "refund-1", enabled=False)
    state = State(
        function=Function(name="refund-1", arn=ARN, role="", timeout=3),
        reserved=0,
        tags={f"killswitch-console:{key}": value for key, value in tags.items()} | {RESERVED: reserved},
        longest_timeout=3,
        event_sources=(own,),
        read_at=LONG_AGO,
    )
    prior = prior_of(state)
    assert set(prior.event_sources) == {"mine"}
    assert prior.reserved is None or type(prior.reserved) is int
