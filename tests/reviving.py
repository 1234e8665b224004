"""Somebody who wants an agent's replicas back, whatever the console does: an autoscaler, a colleague, a script."""

from __future__ import annotations

import json
import tomllib
import urllib.request
from pathlib import Path

import yaml

from killswitch_inventory.targets import TargetId
from simulated import Simulated


def scale(sim: Simulated, target: TargetId, replicas: int) -> None:
    """What a controller does that wants its replicas back."""
    namespace, _, name = target.path.split("/")
    table = tomllib.loads(sim.config_path.read_text())["kubernetes"][0]
    kubeconfig = yaml.safe_load(Path(table["kubeconfig"]).read_text())
    request = urllib.request.Request(
        f"{kubeconfig['clusters'][0]['cluster']['server']}/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
        data=json.dumps({"spec": {"replicas": replicas}}).encode(),
        headers={
            "Authorization": f"Bearer {kubeconfig['users'][0]['user']['token']}",
            "Content-Type": "application/merge-patch+json",
        },
        method="PATCH",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()
