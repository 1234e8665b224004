"""The face's paths and members against AWS's own service models, and the fault hook in every call's way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import botocore.session
import pytest
from aiohttp import web
from botocore.exceptions import ConnectionClosedError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from aws_face import ServedFace, Stage, Strikes, function_agent, refused, serving, unlimited
from killswitch_backends.aws_common.session import ServiceModels
from killswitch_backends.simulator.aws import AwsFace
from killswitch_backends.simulator.aws.wires.restjson import RestJsonWire

MODELS = {
    "lambda": "lambda",
    "iam": "iam",
    "sts": "sts",
    "tagging": "resourcegroupstaggingapi",
    "monitoring": "cloudwatch",
    "eks": "eks",
    "cloudtrail": "cloudtrail",
    "application-autoscaling": "application-autoscaling",
    "cloudfront": "cloudfront",
}


@pytest.fixture(scope="module")
def served() -> Iterator[ServedFace]:
    agents = [function_agent(f"refund-{number}") for number in range(1, 12)]
    with serving(agents, behaviour=unlimited()) as served:
        yield served


def extended() -> botocore.session.Session:
    """The SDK's models, with the operations that are newer than this SDK."""
    session = botocore.session.get_session()
    ServiceModels().lend_to(session)
    return session


def test_every_operation_exists_in_the_services_own_model() -> None:
    face = AwsFace(acting=Stage(), faults=Strikes(), rng=Random(1))
    session = extended()
    for scope, service in face._services().items():
        model = session.get_service_model(MODELS[scope])
        assert set(service.operations) <= set(model.operation_names)
        if scope == "lambda":
            for name, operation in service.operations.items():
                assert operation.status == model.operation_model(name).http["responseCode"] or name == "DeleteFunction"


def test_lambdas_paths_are_those_of_its_model() -> None:
    model = extended().get_service_model("lambda")
    for (method, version, collection, _id, sub, subid), (name, member, submember) in RestJsonWire()._routes.items():
        parts = [
            version,
            collection,
            f"{{{member}}}" if member != "." else "",
            sub,
            f"{{{submember}}}" if subid else "",
        ]
        http = model.operation_model(name).http
        wanted = "/" + "/".join(part for part in parts if part)
        assert (method, wanted) == (http["method"], http["requestUri"].rstrip("/")), name


def unknown_members(shape: Shape, value: Any, path: str = "") -> list[str]:
    """What an answer has that the model does not know: an SDK would silently drop it."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        strange = [f"{path}.{key}" for key in value if key not in shape.members]
        known = [(shape.members[key], item, f"{path}.{key}") for key, item in value.items() if key in shape.members]
        return strange + [found for part in known for found in unknown_members(*part)]
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [found for item in value for found in unknown_members(shape.member, item, f"{path}[]")]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return [found for item in value.values() for found in unknown_members(shape.value, item, f"{path}{{}}")]
    return []


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("list_functions", {}),
        ("get_function", {"FunctionName": "refund-11"}),
        ("get_account_settings", {}),
        ("list_aliases", {"FunctionName": "refund-11"}),
        ("list_versions_by_function", {"FunctionName": "refund-11"}),
        ("list_provisioned_concurrency_configs", {"FunctionName": "refund-11"}),
        ("list_event_source_mappings", {}),
        ("put_function_event_invoke_config", {"FunctionName": "refund-11", "MaximumRetryAttempts": 0}),
        ("list_tags", {"Resource": "arn:aws:lambda:eu-central-1:111122223333:function:refund-11"}),
    ],
)
def test_lambdas_answers_have_only_members_of_the_model(served: ServedFace, name: str, fields: dict[str, Any]) -> None:
    client = served.client("lambda", attempts=2)  # none of the other tests': it gets an event hook
    seen: list[str] = []

    def check(response_dict: dict[str, Any], operation_model: Any, **_more: Any) -> None:
        seen.append("checked")
        seen.extend(unknown_members(operation_model.output_shape, json.loads(response_dict["body"])))

    client.meta.events.register("before-parse.lambda.*", check)
    getattr(client, name)(**fields)
    client.meta.events.unregister("before-parse.lambda.*", check)
    assert seen == ["checked"]


def test_every_call_passes_the_fault_hook_before_and_every_change_after(served: ServedFace) -> None:
    served.strikes.passed.clear()
    served.client("lambda").get_function(FunctionName="refund-1")
    served.client("lambda").put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=0)
    served.client("sts").get_caller_identity()
    with refused("NoSuchEntity"):
        served.client("iam").put_role_policy(RoleName="nobody", PolicyName="p", PolicyDocument="{}")
    assert served.strikes.passed == [
        ("lambda.GetFunction", False),
        ("lambda.PutFunctionConcurrency", False),
        ("lambda.PutFunctionConcurrency", True),
        ("sts.GetCallerIdentity", False),
        ("iam.PutRolePolicy", False),
    ]


def reset() -> web.StreamResponse:
    raise ConnectionResetError


def test_a_fault_before_leaves_everything_and_a_fault_after_hides_that_it_was_applied(served: ServedFace) -> None:
    client = served.client("lambda")
    served.strikes.answers["lambda.PutFunctionConcurrency", False] = lambda: web.json_response(
        {"Message": "broken"}, status=500, headers={"x-amzn-ErrorType": "ServiceException"}
    )
    with refused("ServiceException"):
        client.put_function_concurrency(FunctionName="refund-2", ReservedConcurrentExecutions=0)
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="refund-2")
    served.strikes.answers["lambda.PutFunctionConcurrency", True] = reset
    with pytest.raises(ConnectionClosedError):
        client.put_function_concurrency(FunctionName="refund-2", ReservedConcurrentExecutions=0)
    assert client.get_function_concurrency(FunctionName="refund-2")["ReservedConcurrentExecutions"] == 0


def test_what_nobody_signed_is_refused(served: ServedFace) -> None:
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError) as failure:
        urllib.request.urlopen(f"{served.url}/2015-03-31/functions/", timeout=5)
    with failure.value as answer:
        assert answer.code == 403
        assert json.loads(answer.read()) == {"message": "Missing Authentication Token"}
