"""The services beside Lambda and IAM that send nonsense: STS, CloudWatch, tags, CloudTrail, and the audit store in S3.

None of them is evidence; each must come to a value of its type or to a problem on one line, within bounds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aws_servers import ACCESS_KEY, REGION, SECRET_KEY
from hostile.liar import Answering, Liar, Reply
from hostile.strategies import JUNK, TEETH, anything, examples, on_the_wire, spoilt, text
from killswitch_backends.aws_common import paging
from killswitch_backends.aws_common.budget import Budgets, Urgency
from killswitch_backends.aws_common.calls import Aws, open_aws, role_behind
from killswitch_backends.aws_common.recalling import recalled
from killswitch_backends.aws_common.session import ServiceModels
from killswitch_backends.aws_common.settings import AwsSettings
from killswitch_backends.aws_common.trail import latest
from killswitch_backends.aws_lambda.signals import executions_now, tags_in_bulk
from killswitch_backends.problems import Problem, Unauthenticated, Unreachable
from killswitch_backends.recalling import RecordedCall, Word
from killswitch_console.audit import object_store
from killswitch_console.audit.anchoring import Alarm, anchors_of, newest
from killswitch_console.audit.mirrors import _rejected
from killswitch_console.audit.object_store import ObjectStore
from killswitch_console.audit.other_trails import read_store
from killswitch_console.audit.settings import S3
from killswitch_inventory.targets import BackendRef, TargetId

T = TypeVar("T")

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TARGET = TargetId(BackendRef("lambda", "test"), "refund-1")
XML, JSON = {"Content-Type": "text/xml"}, {"Content-Type": "application/x-amz-json-1.1"}


@pytest.fixture(scope="module")
def aws(runner: asyncio.Runner, liar: Liar, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    path: Path = tmp_path_factory.mktemp("aws") / "credentials"
    path.write_text(f"[test]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n")
    settings = AwsSettings(name="test", region=REGION, profile="test", credentials_file=path, endpoint_url=liar.address)
    context = open_aws(settings, "lambda:test", ServiceModels())
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def store(aws: Aws) -> ObjectStore:
    return ObjectStore(aws, S3(bucket="trail", prefix="audit", region=REGION))


def outcome(runner: asyncio.Runner, work: Coroutine[Any, Any, T]) -> T | None:
    """What it comes to; None for a problem, which is one line."""
    try:
        return runner.run(work)
    except Problem as problem:
        said = str(problem)
    assert "\n" not in said
    assert len(said) < 1_000
    assert SECRET_KEY not in said
    return None


def saying(body: bytes, headers: dict[str, str], status: int = 200) -> Answering:
    return lambda _request, _body: Reply(body, status, headers)


def identity_xml(arn: str, account: str) -> bytes:
    fields = f"<Arn>{arn}</Arn><UserId>U</UserId><Account>{account}</Account>"
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"{fields}</GetCallerIdentityResult><ResponseMetadata><RequestId>x</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    ).encode("utf-8", "replace")


@examples(20)
@given(text, text)
@example("arn:aws:sts::123456789012:assumed-role", "123456789012")
@example("arn:aws:sts::123456789012:assumed-role/", "")
@example("&x;", "1")
@example("<Arn>", "</Account>")
def test_sts_tells_who_we_are_or_nothing(runner: asyncio.Runner, liar: Liar, aws: Aws, arn: str, account: str) -> None:
    aws._identity = None
    liar.answer = saying(identity_xml(escape(arn), escape(account)), XML)
    found = outcome(runner, aws.identity())
    aws._identity = None
    assert found is None or (isinstance(found.name, str) and isinstance(found.account, str))
    assert isinstance(role_behind(arn), tuple)


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_from_sts_is_a_problem(runner: asyncio.Runner, liar: Liar, aws: Aws, junk: bytes) -> None:
    aws._identity = None
    liar.answer = saying(junk, XML)
    assert outcome(runner, aws.identity()) is None


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_without_end_is_left(runner: asyncio.Runner, liar: Liar, aws: Aws, status: int) -> None:
    aws._identity = None
    liar.answer = lambda _request, _body: Reply(b" " * (65 * 2**20), status, XML, stays=True)
    with pytest.raises(Unreachable, match="more than 64 MiB"):
        runner.run(aws.identity())
    liar.answer = saying(identity_xml("arn:aws:iam::123456789012:user/ada", "123456789012"), XML)
    assert runner.run(aws.identity()).account == "123456789012", "what was left of it is not taken for the next answer"
    aws._identity = None


METRICS = {"MetricDataResults": [{"Id": "f0", "Values": [3.0], "Timestamps": [1], "StatusCode": "Complete"}]}


@examples(40)
@given(st.one_of(spoilt(METRICS).map(lambda drawn: drawn[1]), anything))
@example({"MetricDataResults": [{"Id": "f0", "Values": [1e308]}]})
@example({"MetricDataResults": [{"Id": "f0", "Values": [1.0], "Timestamps": [float("inf")]}]})
@example({"MetricDataResults": [{"Id": "f0", "Values": [float("nan")]}]})
@example({"MetricDataResults": [{"Id": "f0", "Values": [-1]}]})
def test_cloudwatch_counts_or_knows_nothing(runner: asyncio.Runner, liar: Liar, aws: Aws, answer: Any) -> None:
    liar.answer = saying(on_the_wire(answer), JSON)
    found = outcome(runner, executions_now(aws, ["refund-1"], NOW, Urgency.SIGHT))
    assert found is None or (set(found) == {"refund-1"} and all(type(n) is int and n >= 0 for n in found.values()))


TAGS = {"ResourceTagMappingList": [{"ResourceARN": "arn:f", "Tags": [{"Key": "agent", "Value": "a"}]}]}


@examples(40)
@given(st.one_of(spoilt(TAGS).map(lambda drawn: drawn[1]), anything))
@example({"ResourceTagMappingList": None})
@example({"PaginationToken": "again", "ResourceTagMappingList": []})
def test_tags_are_texts_or_a_problem(runner: asyncio.Runner, liar: Liar, aws: Aws, answer: Any) -> None:
    liar.answer = saying(on_the_wire(answer), JSON)
    found = outcome(runner, tags_in_bulk(aws)) or {}
    assert all(isinstance(word, str) for tags in found.values() for pair in tags.items() for word in pair)


def test_pages_without_end_are_left(
    runner: asyncio.Runner, liar: Liar, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with another token, so that none comes twice; and two that take turns."""
    monkeypatch.setattr(paging, "MOST_PAGES", 5)
    liar.answer = lambda _request, _body: Reply(
        on_the_wire({"ResourceTagMappingList": [], "PaginationToken": str(len(liar.asked))}), headers=JSON
    )
    with pytest.raises(Unreachable, match="does not end"):
        runner.run(tags_in_bulk(aws))
    pages = paging.Pages("here")
    pages.turn("a"), pages.turn("b")
    with pytest.raises(Unreachable):
        pages.turn("a")


EVENT = {
    "EventId": "e",
    "EventName": "PutFunctionConcurrency20171031",
    "EventTime": 1_763_812_800,
    "Username": "ann",
    "Resources": [{"ResourceName": "refund-1"}],
    "CloudTrailEvent": json.dumps({"requestID": "r-1", "userIdentity": {"arn": "arn:x"}, "sourceIPAddress": "1.2.3.4"}),
}
EVENTS = {"Events": [EVENT, EVENT | {"EventName": "PutFunctionConcurrency"}]}
CALL = RecordedCall(TARGET, "r-1", NOW - timedelta(days=1))


@examples(25)
@given(st.one_of(spoilt(EVENTS).map(lambda drawn: drawn[1]), anything))
@example(EVENTS)
@example({"Events": [EVENT | {"EventTime": "2026-11-21T12:00:00"}, EVENT]})
@example({"Events": [EVENT | {"EventTime": float("inf")}]})
@example({"Events": [EVENT | {"CloudTrailEvent": "[" * 100_000}, EVENT | {"CloudTrailEvent": "5"}]})
@example({"Events": [{key: value for key, value in EVENT.items() if key != "EventTime"}]})
@example({"Events": [EVENT | {"CloudTrailEvent": json.dumps({"requestID": "r-1", "userIdentity": 5})}]})
@example({"Events": [EVENT | {"CloudTrailEvent": json.dumps({"requestID": ["r-1"], "errorCode": {"x": 1}})}]})
def test_cloudtrail_tells_a_deed_or_nothing(runner: asyncio.Runner, liar: Liar, aws: Aws, answer: Any) -> None:
    liar.answer = saying(on_the_wire(answer), JSON)
    found = outcome(runner, latest(aws, Budgets(), {TARGET: "refund-1"}, ["PutFunction"]))
    assert found is None or all(isinstance(deed.who, str) and deed.at.tzinfo for deed in found.values())
    said = outcome(runner, recalled(aws, Budgets(), [CALL], names={CALL: "refund-1"}, now=NOW))
    assert said is None or all(one.word in set(Word) for one in said)
    if answer == EVENTS:
        assert found, "a whole answer tells who did it"
        assert found[TARGET].who


def listing_xml(*keys: str, more: str = "") -> bytes:
    named = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys)
    tail = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    return f"<ListBucketResult>{named}{tail}</ListBucketResult>".encode("utf-8", "replace")


NOTE = "a\n1\n" + "A" * 43 + "=\n\n\u2014 x AAAAAAAA\n"


@examples(25)
@given(
    st.lists(st.one_of(text, st.sampled_from(["L/ckpt/000000000001.note", "L/seg/000000000001-000000000002.jsonl"]))),
    st.one_of(st.sampled_from([*JUNK, NOTE.encode()]), st.binary(max_size=40)),
)
@example(["/ckpt/", "L/seg/x-y.jsonl", "L/ckpt/9"], NOTE.encode())
@example(["L/ckpt/000000000001.note", "L/seg/1-99999999999999999999.jsonl"], NOTE.encode())
def test_a_store_of_strangers_is_no_trail(
    runner: asyncio.Runner, liar: Liar, store: ObjectStore, keys: list[str], content: bytes
) -> None:
    """Its keys and its objects: nothing of it is believed, and every way of reading it ends in a typed answer."""
    listed = listing_xml(*(f"audit/{key}" for key in keys))
    liar.answer = lambda request, _body: Reply(
        listed if "list-type" in request.query else content, headers={"Content-Type": "application/xml"}
    )
    found = outcome(runner, read_store(store, "H1", []))
    assert found is None or found.events == []
    for work in (newest(store, "L"), anchors_of(store, "L")):
        with suppress(Alarm):
            outcome(runner, work)


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_from_s3_is_a_problem_or_no_key(
    runner: asyncio.Runner, liar: Liar, store: ObjectStore, junk: bytes
) -> None:
    liar.answer = saying(junk, XML)
    assert outcome(runner, store.keys("L/")) in (None, [])
    assert outcome(runner, store.get("k")) == junk
    liar.answer = saying(junk, XML, 403)
    assert outcome(runner, store.get("k")) is None


def test_an_object_without_end_is_left(
    runner: asyncio.Runner, liar: Liar, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "MOST_BYTES", 2**20)
    liar.answer = lambda _request, _body: Reply(b" " * (2**20 + 1), stays=True)
    with pytest.raises(Problem, match="larger than 1 MiB"):
        runner.run(store.get("k"))


def test_keys_without_end_are_left(
    runner: asyncio.Runner, liar: Liar, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "MOST_KEYS", 20)
    liar.answer = lambda _request, _body: Reply(
        listing_xml(*(f"audit/{n}" for n in range(10)), more=str(len(liar.asked))), headers=XML
    )
    with pytest.raises(Problem, match="more than 20 objects"):
        runner.run(store.keys(""))
    with pytest.raises(Problem, match="more than 20 objects"):  # not: there is no anchor
        runner.run(newest(store, "L"))


def test_a_store_that_does_not_know_us_is_no_store_without_an_anchor(
    runner: asyncio.Runner, liar: Liar, store: ObjectStore
) -> None:
    liar.answer = saying(b"<Error><Code>InvalidAccessKeyId</Code><Message>no such key</Message></Error>", XML, 403)
    with pytest.raises(Unauthenticated):
        runner.run(newest(store, "L"))
    liar.answer = saying(b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>", XML, 403)
    assert runner.run(newest(store, "L")) is None, "credentials that may only put"


def test_keys_of_another_folder_are_not_ours(runner: asyncio.Runner, liar: Liar, store: ObjectStore) -> None:
    """A store that lists what was not asked for."""
    liar.answer = saying(listing_xml("audit/L/ckpt/1", "other/L/ckpt/2", *map(escape, TEETH[:3])), XML)
    assert outcome(runner, store.keys("L/")) in (["L/ckpt/1"], None)


@examples(40)
@given(st.one_of(anything.map(on_the_wire), st.sampled_from(JUNK)))
@example(b'{"partialSuccess": {"rejectedLogRecords": 1e999}}')
@example(b'{"partialSuccess": 5}')
def test_any_answer_of_a_mirror_is_read(answer: bytes) -> None:
    assert _rejected(answer) in (True, False)
