"""EKS Pod Identity: a role that only an association ties to pods is a binding of their agent."""

from __future__ import annotations

import tomllib
from typing import Any

from aws_asking import opened
from killswitch_backends.aws_common.session import ServiceModels, create_client, open_session
from killswitch_backends.aws_iam import KIND as IAM
from killswitch_backends.aws_iam.settings import IamSettings
from killswitch_backends.kubernetes import KIND as KUBERNETES
from killswitch_backends.protocol import Backend
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from killswitch_inventory.agents import AgentKey, How
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.sightings import ListingComplete, SightingFailed
from killswitch_inventory.targets import Layer
from simulated import running

KEY = AgentKey("triage", "acme", "triage-1")
SPECS = [
    AgentSpec(name="triage-1", agent_class="triage", tenant="acme", runtime=Runtime.KUBERNETES, namespace="support"),
    AgentSpec(name="holder", agent_class="x", tenant="y", runtime=Runtime.NONE, role="triage-role"),
]


async def fold_listing(fleet: Fleet, backend: Backend) -> None:
    """Fold one whole listing."""
    stream = backend.sight()
    async for sighting in stream:
        fleet.fold(sighting)
        if isinstance(sighting, ListingComplete):
            break
    await stream.aclose()  # type: ignore[attr-defined]


async def test_an_association_gives_an_agent_its_credential_layer() -> None:
    async with running(specs=SPECS) as sim:
        tables: Any = tomllib.loads(sim.config_path.read_text())
        cluster = tables["kubernetes"][0] | {"eks_cluster": "prod"}
        account = tables["iam"][0] | {"eks_clusters": ["prod"]}
        settings = IamSettings.model_validate(account)
        eks = create_client(open_session(settings, ServiceModels()), settings, "eks")
        async with opened(KUBERNETES, cluster) as pods, opened(IAM, account) as roles:
            fleet = Fleet(backends=[pods.ref, roles.ref])
            await fold_listing(fleet, pods)
            agent = fleet.agent(KEY)
            assert agent is not None
            assert Layer.CREDENTIAL not in agent.layers
            assert fleet.unseen_identities(KEY) == ()  # an account without a role is no gap
            (binding,) = (one for one in agent.bindings if one.layer is Layer.PROCESS)
            seen = fleet.target(binding.target)
            assert seen is not None
            (runs_as,) = seen.runs_as
            namespace, name = runs_as.identity.split()[3].split("/")
            role = "arn:aws:iam::111122223333:role/agents/triage-role"
            eks.create_pod_identity_association(
                clusterName="prod", namespace=namespace, serviceAccount=name, roleArn=role
            )
            await fold_listing(fleet, roles)
        eks.close()
    agent = fleet.agent(KEY)
    assert agent is not None
    assert [(one.target.path, one.how) for one in agent.bindings if one.layer is Layer.CREDENTIAL] == [
        ("role/triage-role", How.POD_IDENTITY)
    ]


async def test_a_cluster_that_is_not_there_is_told_and_hides_nothing() -> None:
    async with running(specs=SPECS) as sim:
        account = tomllib.loads(sim.config_path.read_text())["iam"][0] | {"eks_clusters": ["never-was"]}
        async with opened(IAM, account) as roles:
            fleet, told = Fleet(backends=[roles.ref]), ""
            stream = roles.sight()
            async for sighting in stream:
                fleet.fold(sighting)
                if isinstance(sighting, SightingFailed):
                    told = sighting.problem
                    break
            await stream.aclose()  # type: ignore[attr-defined]
    assert "Pod Identity associations" in told
    assert "never-was" in told
    assert fleet.blind  # an association may be missing: nobody is told that all is seen
    assert any(seen.target.path == "role/triage-role" for seen in [*fleet._targets.values()])
