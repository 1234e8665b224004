"""EKS Pod Identity: which roles pods get by an association that only EKS knows, not the cluster.

The role is then also known by the names of the service accounts associated with it, so that the fleet can bind what
the Kubernetes backend sights as running under such an account.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from killswitch_backends.aws_common.budget import Budgets, Urgency
from killswitch_backends.aws_common.calls import Aws
from killswitch_inventory.identities import service_account

CALLS_PER_SECOND, BURST = 10.0, 10


@dataclass(slots=True)
class PodIdentities:
    """The Pod Identity associations of some clusters."""

    aws: Aws
    budgets: Budgets
    clusters: tuple[str, ...]

    async def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """Names of service accounts by the ARN of the role that they are associated with.

        Raises:
            Problem: a cluster's associations cannot be listed.
        """
        found: dict[str, tuple[str, ...]] = {}
        for cluster in self.clusters:
            async for account, role in self._associations(cluster):
                found[role] = (*found.get(role, ()), account)
        return found

    async def _associations(self, cluster: str) -> AsyncIterator[tuple[str, str]]:
        client = await self.aws.client("eks")
        more: dict[str, str] = {}
        while True:
            page = await self._ask(cluster, partial(client.list_pod_identity_associations, clusterName=cluster, **more))
            for one in page["associations"]:
                account = service_account(cluster=cluster, namespace=one["namespace"], name=one["serviceAccount"])
                yield account, await self._role(client, cluster, one["associationId"])
            if not page.get("nextToken"):
                return
            more = {"nextToken": page["nextToken"]}

    async def _role(self, client: Any, cluster: str, association: str) -> str:
        describe = partial(client.describe_pod_identity_association, clusterName=cluster, associationId=association)
        return str((await self._ask(cluster, describe))["association"]["roleArn"])

    async def _ask(self, cluster: str, call: Any) -> Any:
        aws = self.aws
        place = (aws.settings.endpoint_url or "aws", aws.account or aws.where, aws.region)
        bucket = self.budgets.bucket("eks", *place, rate=CALLS_PER_SECOND, burst=BURST)
        return await aws.ask(call, where=f"{aws.where}/cluster {cluster}", urgency=Urgency.SIGHT, bucket=bucket)
