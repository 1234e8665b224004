"""The simulated world, field by field, read over the platforms' own wire protocols: what "exactly as before" means.

Left out is only what a platform itself renews at every write (resourceVersion, generation, status, versions, times).
"""

from __future__ import annotations

import json
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config

from simulated import Simulated

View = dict[str, Any]

PATIENT = Config(retries={"mode": "adaptive", "total_max_attempts": 20})

_RENEWED = {"resourceVersion", "generation", "managedFields", "uid", "creationTimestamp"}


def worldview(sim: Simulated) -> View:
    """Everything that a halt may change, and a restore must put back."""
    tables = tomllib.loads(sim.config_path.read_text())
    return {
        **_kubernetes(tables["kubernetes"][0]),
        **_aws(sim),
        **_flags(tables["launchdarkly"][0]),
    }


def difference(before: View, after: View) -> View:
    """What differs, by object: ``(before, after)``."""
    return {
        key: (before.get(key), after.get(key))
        for key in before.keys() | after.keys()
        if before.get(key) != after.get(key)
    }


def _kubernetes(table: dict[str, Any]) -> View:
    config = yaml.safe_load(Path(table["kubeconfig"]).read_text())
    server, token = config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]["token"]
    items = _get(f"{server}/apis/apps/v1/deployments", {"Authorization": f"Bearer {token}"})["items"]
    items += _get(f"{server}/api/v1/serviceaccounts", {"Authorization": f"Bearer {token}"})["items"]
    return {_name(item): _lasting(item) for item in items}


def _name(item: dict[str, Any]) -> str:
    kind = "Deployment" if "spec" in item else "ServiceAccount"
    return f"{kind} {item['metadata']['namespace']}/{item['metadata']['name']}"


def _lasting(item: dict[str, Any]) -> View:
    metadata = {k: v for k, v in item["metadata"].items() if k not in _RENEWED}
    return {"metadata": metadata, "spec": item.get("spec")}


def aws_client(sim: Simulated, service: str, config: Config = PATIENT) -> Any:
    """An unmodified boto3 client of the simulated account, patient with its rate limits by default. Close it."""
    table = tomllib.loads(sim.config_path.read_text())["lambda"][0]
    keys = _credentials(table["credentials_file"])
    return boto3.client(
        service,
        region_name=table["region"],
        endpoint_url=table["endpoint_url"],
        aws_access_key_id=keys["aws_access_key_id"],
        aws_secret_access_key=keys["aws_secret_access_key"],
        config=config,
    )


def _aws(sim: Simulated) -> View:
    functions, iam = aws_client(sim, "lambda"), aws_client(sim, "iam")
    view: View = {}
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            view[f"function {function['FunctionName']}"] = _function(functions, function["FunctionName"])
    for page in functions.get_paginator("list_event_source_mappings").paginate():
        for mapping in page["EventSourceMappings"]:
            view[f"mapping {mapping['UUID']}"] = {
                k: mapping[k] for k in ("State", "EventSourceArn", "FunctionArn", "BatchSize")
            }
    for page in iam.get_paginator("list_roles").paginate(PathPrefix="/agents/"):
        for role in page["Roles"]:
            view[f"role {role['RoleName']}"] = _role(iam, role["RoleName"])
    functions.close()
    iam.close()
    return view


def _function(client: Any, name: str) -> View:
    answer = client.get_function(FunctionName=name)
    provisioned = client.list_provisioned_concurrency_configs(FunctionName=name)["ProvisionedConcurrencyConfigs"]
    return {
        "reserved": answer.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
        "tags": answer.get("Tags", {}),
        "timeout": answer["Configuration"]["Timeout"],
        "role": answer["Configuration"]["Role"],
        "provisioned": sorted((p["FunctionArn"], p["RequestedProvisionedConcurrentExecutions"]) for p in provisioned),
    }


def _role(client: Any, name: str) -> View:
    policies = client.list_role_policies(RoleName=name)["PolicyNames"]
    return {
        "inline": {p: client.get_role_policy(RoleName=name, PolicyName=p)["PolicyDocument"] for p in policies},
        "attached": sorted(
            p["PolicyArn"] for p in client.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        ),
        "tags": sorted((t["Key"], t["Value"]) for t in client.list_role_tags(RoleName=name)["Tags"]),
    }


def _flags(table: dict[str, Any]) -> View:
    token = Path(table["token"].removeprefix("file:")).read_text().strip()
    view: View = {}
    offset = 0
    while True:
        query = f"env={table['environment']}&limit=100&offset={offset}&summary=0"
        page = _get(f"{table['base_uri']}/api/v2/flags/{table['project']}?{query}", {"Authorization": token})["items"]
        for flag in page:
            here = flag["environments"][table["environment"]]
            kept = ("on", "archived", "targets", "rules", "fallthrough", "offVariation", "prerequisites")
            view[f"flag {flag['key']}"] = {"tags": sorted(flag["tags"]), **{k: here.get(k) for k in kept}}
        if len(page) < 100:
            return view
        offset += 100


def _credentials(path: str) -> dict[str, str]:
    lines = (line.partition("=") for line in Path(path).read_text().splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, _, value in lines}


def _get(url: str, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
