"""Lambda's protocol: resources in the path, JSON in the body.

Source of the paths: botocore's service model lambda/2015-03-31 (requestUri of each operation).
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from killswitch_backends.simulator.aws.calls import Answer, Members, Payload
from killswitch_backends.simulator.aws.errors import AwsError

_PATHS = """
GET    2015-03-31 functions . .                                ListFunctions
POST   2015-03-31 functions . .                                CreateFunction
GET    2015-03-31 functions FunctionName .                     GetFunction
DELETE 2015-03-31 functions FunctionName .                     DeleteFunction
GET    2015-03-31 functions FunctionName configuration         GetFunctionConfiguration
PUT    2015-03-31 functions FunctionName configuration         UpdateFunctionConfiguration
GET    2015-03-31 functions FunctionName versions              ListVersionsByFunction
POST   2015-03-31 functions FunctionName versions              PublishVersion
GET    2015-03-31 functions FunctionName aliases               ListAliases
POST   2015-03-31 functions FunctionName aliases               CreateAlias
GET    2015-03-31 functions FunctionName aliases/Name          GetAlias
DELETE 2015-03-31 functions FunctionName aliases/Name          DeleteAlias
GET    2015-03-31 functions FunctionName policy                GetPolicy
POST   2015-03-31 functions FunctionName invocations           Invoke
PUT    2017-10-31 functions FunctionName concurrency           PutFunctionConcurrency
DELETE 2017-10-31 functions FunctionName concurrency           DeleteFunctionConcurrency
GET    2019-09-30 functions FunctionName concurrency           GetFunctionConcurrency
PUT    2019-09-30 functions FunctionName provisioned-concurrency  PutProvisionedConcurrencyConfig
GET    2019-09-30 functions FunctionName provisioned-concurrency  GetProvisionedConcurrencyConfig
DELETE 2019-09-30 functions FunctionName provisioned-concurrency  DeleteProvisionedConcurrencyConfig
GET    2019-09-25 functions FunctionName event-invoke-config   GetFunctionEventInvokeConfig
PUT    2019-09-25 functions FunctionName event-invoke-config   PutFunctionEventInvokeConfig
POST   2019-09-25 functions FunctionName event-invoke-config   UpdateFunctionEventInvokeConfig
DELETE 2019-09-25 functions FunctionName event-invoke-config   DeleteFunctionEventInvokeConfig
GET    2019-09-25 functions FunctionName event-invoke-config+list  ListFunctionEventInvokeConfigs
GET    2025-12-01 functions FunctionName durable-executions    ListDurableExecutionsByFunction
GET    2025-12-01 durable-executions DurableExecutionArn .     GetDurableExecution
POST   2025-12-01 durable-executions DurableExecutionArn pause   PauseDurableExecution
POST   2025-12-01 durable-executions DurableExecutionArn resume  ResumeDurableExecution
POST   2025-12-01 durable-executions DurableExecutionArn stop  StopDurableExecution
GET    2025-11-30 functions FunctionName function-scaling-config  GetFunctionScalingConfig
PUT    2025-11-30 functions FunctionName function-scaling-config  PutFunctionScalingConfig
GET    2015-03-31 event-source-mappings . .                    ListEventSourceMappings
POST   2015-03-31 event-source-mappings . .                    CreateEventSourceMapping
GET    2015-03-31 event-source-mappings UUID .                 GetEventSourceMapping
PUT    2015-03-31 event-source-mappings UUID .                 UpdateEventSourceMapping
DELETE 2015-03-31 event-source-mappings UUID .                 DeleteEventSourceMapping
GET    2017-03-31 tags Resource .                              ListTags
POST   2017-03-31 tags Resource .                              TagResource
DELETE 2017-03-31 tags Resource .                              UntagResource
GET    2016-08-19 account-settings . .                         GetAccountSettings
"""

EKS_PATHS = """
GET    clusters clusterName pod-identity-associations                ListPodIdentityAssociations
POST   clusters clusterName pod-identity-associations                CreatePodIdentityAssociation
GET    clusters clusterName pod-identity-associations/associationId  DescribePodIdentityAssociation
DELETE clusters clusterName pod-identity-associations/associationId  DeletePodIdentityAssociation
"""

_CODES = {
    "AccessDenied": "AccessDeniedException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "ExpiredToken": "ExpiredTokenException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "ValidationError": "ValidationException",
}

_LISTS = ("tagKeys", "Statuses")

_HEADERS = {
    "X-Amz-Durable-Execution-Name": "DurableExecutionName",
    "X-Amz-Invocation-Type": "InvocationType",
    "X-Amz-Log-Type": "LogType",
}

_Key = tuple[str, str, str, bool, str, bool]
"""Method, API version, collection, whether an id follows, sub-resource, whether an id follows that."""


def _routes() -> dict[_Key, tuple[str, str, str]]:
    table: dict[_Key, tuple[str, str, str]] = {}
    for line in _PATHS.strip().splitlines():
        method, version, collection, member, sub, operation = line.split()
        sub, _, submember = sub.strip(".").partition("/")
        sub = sub.replace("+", "/")  # two fixed segments
        table[method, version, collection, member != ".", sub, bool(submember)] = (operation, member, submember)
    return table


class RestJsonWire:
    """Lambda's REST protocol below one path prefix."""

    def __init__(self) -> None:
        self._routes = _routes()

    def decode(self, request: web.BaseRequest, body: bytes) -> tuple[str, Members]:
        parts = [unquote(part) for part in request.rel_url.raw_path.split("/") if part]
        _prefix, version, collection, name, sub, subname = (*parts, *[""] * 6)[:6]
        if (request.method, version, collection, bool(name), f"{sub}/{subname}", False) in self._routes:
            sub, subname = f"{sub}/{subname}", ""
        found = self._routes.get((request.method, version, collection, bool(name), sub, bool(subname)))
        if found is None:
            raise AwsError("UnknownOperationException", f"no operation at {request.method} {request.path}", status=404)
        operation, member, submember = found
        params = self._body(operation, body) | self._outside_body(request)
        if name:
            params[member] = name
        if subname:
            params[submember] = subname
        if operation == "GetProvisionedConcurrencyConfig" and params.get("List") == "ALL":
            operation = "ListProvisionedConcurrencyConfigs"
        return operation, params

    def _body(self, operation: str, body: bytes) -> dict[str, Any]:
        if operation == "Invoke":
            return {"Payload": body}
        try:
            params = json.loads(body) if body else {}
        except ValueError:
            raise AwsError("SerializationException", "Could not parse request body into json") from None
        if not isinstance(params, dict):
            raise AwsError("SerializationException", "Could not parse request body into json: expected an object")
        return params

    def _outside_body(self, request: web.BaseRequest) -> dict[str, Any]:
        params: dict[str, Any] = {}
        for key in request.query:
            params[key] = request.query.getall(key) if key in _LISTS else request.query[key]
        for header, member in _HEADERS.items():
            if header in request.headers:
                params[member] = request.headers[header]
        return params

    def encode(self, _operation: str, answer: Answer, /, *, status: int, request_id: str) -> web.Response:
        headers = {"x-amzn-RequestId": request_id}
        if isinstance(answer, Payload):
            return web.Response(body=answer.body, status=answer.status, headers={**headers, **answer.headers})
        body = b"" if answer is None else json.dumps(answer).encode()
        return web.Response(body=body, status=status, content_type="application/json", headers=headers)

    def fail(self, error: AwsError, *, request_id: str) -> web.Response:
        code = _CODES.get(error.code, error.code)
        headers = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": code} | error.headers
        fields = {"Type": "User", **error.fields}
        if "message" not in fields:
            fields["Message"] = error.message
        return web.Response(
            body=json.dumps(fields).encode(), status=error.status, content_type="application/json", headers=headers
        )


class EksWire(RestJsonWire):
    """EKS: the same protocol, without a version in its paths."""

    def decode(self, request: web.BaseRequest, body: bytes) -> tuple[str, Members]:
        parts = [unquote(part) for part in request.rel_url.raw_path.split("/") if part]
        _prefix, collection, name, sub, identifier = (*parts, *[""] * 5)[:5]
        for line in EKS_PATHS.strip().splitlines():
            method, wanted, member, resource, operation = line.split()
            resource, _, submember = resource.partition("/")
            if (method, wanted, resource, bool(submember)) == (request.method, collection, sub, bool(identifier)):
                named = {member: name} | ({submember: identifier} if submember else {})
                return operation, self._body(operation, body) | self._outside_body(request) | named
        raise AwsError("UnknownOperationException", f"no operation at {request.method} {request.path}", status=404)
