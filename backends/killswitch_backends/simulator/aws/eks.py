"""Simulated EKS, as far as Pod Identity goes: which service account of which cluster gets which role."""

from __future__ import annotations

from random import Random
from typing import Any

from killswitch_backends.simulator.aws.calls import Answer, Call, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.pages import page

PAGE = 100


class PodIdentity:
    """The associations of every cluster; a cluster exists once it has one."""

    def __init__(self, *, account: str, rng: Random) -> None:
        self._account, self._rng = account, rng
        self._clusters: dict[str, dict[str, dict[str, Any]]] = {}

    def operations(self) -> dict[str, Operation]:
        return {
            "CreatePodIdentityAssociation": Operation(run=self.create, mutates=True),
            "ListPodIdentityAssociations": Operation(run=self.listing),
            "DescribePodIdentityAssociation": Operation(run=self.describe),
            "DeletePodIdentityAssociation": Operation(run=self.delete, mutates=True),
        }

    def create(self, call: Call) -> Answer:
        cluster, namespace, account = (call.text(member) for member in ("clusterName", "namespace", "serviceAccount"))
        known = self._clusters.setdefault(cluster, {})
        if any((one["namespace"], one["serviceAccount"]) == (namespace, account) for one in known.values()):
            raise AwsError("ResourceInUseException", "Association already exists", status=409)
        identifier = f"a-{self._rng.getrandbits(64):016x}"
        arn = f"arn:aws:eks:{call.region}:{self._account}:podidentityassociation/{cluster}/{identifier}"
        known[identifier] = {
            "clusterName": cluster,
            "namespace": namespace,
            "serviceAccount": account,
            "roleArn": call.text("roleArn"),
            "associationArn": arn,
            "associationId": identifier,
        }
        return {"association": known[identifier]}

    def listing(self, call: Call) -> Answer:
        known = self._cluster(call)
        chunk, marker = page(
            sorted(known), key=str, marker=call.params.get("nextToken"), size=call.number("maxResults", PAGE)
        )
        hidden = ("roleArn",)  # a summary does not tell the role
        shown = [{key: value for key, value in known[one].items() if key not in hidden} for one in chunk]
        return {"associations": shown} | ({"nextToken": marker} if marker else {})

    def describe(self, call: Call) -> Answer:
        return {"association": self._find(call)}

    def delete(self, call: Call) -> Answer:
        gone = self._find(call)
        del self._clusters[gone["clusterName"]][gone["associationId"]]
        return {"association": gone}

    def _cluster(self, call: Call) -> dict[str, dict[str, Any]]:
        name = call.text("clusterName")
        if name not in self._clusters:
            raise AwsError("ResourceNotFoundException", f"No cluster found for name: {name}.", status=404)
        return self._clusters[name]

    def _find(self, call: Call) -> dict[str, Any]:
        known = self._cluster(call).get(call.text("associationId"))
        if known is None:
            raise AwsError("ResourceNotFoundException", "No association found for that id.", status=404)
        return known
