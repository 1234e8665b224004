"""The official clients and kubectl, unmodified, take the simulated cluster for a real one."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from simulated_cluster import PATIENCE, Cluster, job, make, simulated_cluster, until, workload

KUBECTL = shutil.which("kubectl")


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with simulated_cluster() as running:
        yield running


async def every_kind(cluster: Cluster) -> None:
    """One object of every workload kind, and its status written."""
    apps, batch = "/apis/apps/v1/namespaces/agents", "/apis/batch/v1/namespaces/agents"
    await make(cluster, f"{apps}/statefulsets", workload("db", replicas=1, serviceName="db"))
    await make(cluster, f"{apps}/daemonsets", workload("every-node"))
    await make(cluster, f"{batch}/jobs", job("work", seconds=0.01))
    cron = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job("x", seconds=1)["spec"]}}
    await make(cluster, f"{batch}/cronjobs", {"metadata": {"name": "tick"}, "spec": cron})
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "refund-1"}
    scaler = {"metadata": {"name": "hpa"}, "spec": {"scaleTargetRef": target, "maxReplicas": 3}}
    await make(cluster, "/apis/autoscaling/v2/namespaces/agents/horizontalpodautoscalers", scaler)
    quota = {"metadata": {"name": "quota"}, "spec": {"hard": {"count/pods": "0"}}}
    await make(cluster, "/api/v1/namespaces/agents/resourcequotas", quota)

    async def settled() -> bool:
        done = (await cluster.get(f"{batch}/jobs/work"))["status"].get("succeeded") == 1
        return done and all(pod["status"]["phase"] != "Pending" for pod in await cluster.pods())

    await until(settled)


def use_the_sync_client(kubeconfig: str) -> None:
    """Typed lists of every kind, typed patches of every content type, dry run, scale and delete."""
    from kubernetes import client, config, watch

    api = config.new_client_from_config(kubeconfig)
    apps, core, batch = client.AppsV1Api(api), client.CoreV1Api(api), client.BatchV1Api(api)
    assert {item.metadata.name for item in apps.list_deployment_for_all_namespaces().items} == {"refund-1", "refund-2"}
    for listed in (
        core.list_node(),
        core.list_namespace(),
        core.list_pod_for_all_namespaces(),
        core.list_namespaced_service_account("agents"),
        core.list_namespaced_resource_quota("agents"),
        apps.list_replica_set_for_all_namespaces(),
        apps.list_stateful_set_for_all_namespaces(),
        apps.list_daemon_set_for_all_namespaces(),
        batch.list_job_for_all_namespaces(),
        batch.list_cron_job_for_all_namespaces(),
        client.AutoscalingV2Api(api).list_horizontal_pod_autoscaler_for_all_namespaces(),
    ):
        assert listed.items
        assert listed.metadata.resource_version
    one = apps.patch_namespaced_deployment("refund-1", "agents", {"metadata": {"annotations": {"a/b": "c"}}})
    assert one.metadata.annotations["a/b"] == "c"
    test = [{"op": "test", "path": "/metadata/resourceVersion", "value": one.metadata.resource_version}]
    apps.patch_namespaced_deployment("refund-1", "agents", test, dry_run="All")
    with pytest.raises(client.ApiException) as refused:
        apps.patch_namespaced_deployment("refund-1", "agents", [{**test[0], "value": "1"}])
    assert refused.value.status == 422
    one.spec.replicas = 1
    apps.replace_namespaced_deployment("refund-1", "agents", one)
    with pytest.raises(client.ApiException) as conflict:
        apps.replace_namespaced_deployment("refund-1", "agents", one)
    assert conflict.value.status == 409
    scale = apps.patch_namespaced_deployment_scale("refund-1", "agents", {"spec": {"replicas": 0}})
    assert scale.spec.replicas is None
    page = core.list_pod_for_all_namespaces(limit=1)
    assert page.metadata._continue
    core.delete_collection_namespaced_pod("agents", label_selector="agent=refund-1", grace_period_seconds=1)
    core.delete_namespaced_service_account("refund-1", "agents")
    review = client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(
            resource_attributes=client.V1ResourceAttributes(verb="patch", group="apps", resource="deployments")
        )
    )
    assert client.AuthorizationV1Api(api).create_self_subject_access_review(review).status.allowed
    myself = client.AuthenticationV1Api(api).create_self_subject_review(client.V1SelfSubjectReview())
    assert myself.status.user_info.username == "oncall@simulator"
    assert client.VersionApi(api).get_code().major == "1"
    version = apps.list_deployment_for_all_namespaces().metadata.resource_version
    apps.patch_namespaced_deployment("refund-2", "agents", {"metadata": {"annotations": {"x": "y"}}})
    stream = watch.Watch().stream(apps.list_deployment_for_all_namespaces, resource_version=version, timeout_seconds=1)
    assert ("MODIFIED", "refund-2") in [(event["type"], event["object"].metadata.name) for event in stream]
    api.close()


async def test_the_sync_client(cluster: Cluster, tmp_path: Path) -> None:
    await every_kind(cluster)
    await asyncio.to_thread(use_the_sync_client, str(cluster.kubeconfig(tmp_path)))


async def test_the_async_client(cluster: Cluster, tmp_path: Path) -> None:
    from kubernetes.aio import client, config, watch

    api: Any = await config.new_client_from_config(str(cluster.kubeconfig(tmp_path)))
    async with api:
        apps = client.AppsV1Api(api)
        listed = await apps.list_namespaced_deployment("agents", label_selector="agent-class=refund", limit=1)
        assert [item.metadata.name for item in listed.items] == ["refund-1"]
        async with asyncio.timeout(PATIENCE), watch.Watch() as stream:
            async for event in stream.stream(apps.list_namespaced_deployment, "agents", resource_version="0"):
                deployment = event["object"]
                if deployment.metadata.name == "refund-1" and deployment.spec.replicas == 0:
                    assert event["type"] == "MODIFIED"
                    break
                if event["type"] == "ADDED" and deployment.metadata.name == "refund-2":
                    await apps.patch_namespaced_deployment_scale("refund-1", "agents", {"spec": {"replicas": 0}})
        custom = client.CustomObjectsApi(api)
        patched = await custom.patch_namespaced_custom_object(
            "apps", "v1", "agents", "deployments", "refund-2", {"metadata": {"labels": {"x": "y"}}}
        )
        assert patched["metadata"]["labels"]["x"] == "y"


async def kubectl(kubeconfig: Path, *arguments: str, given: str = "") -> tuple[int, str]:
    """Run kubectl; its exit code and all it printed."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)}
    process = await asyncio.create_subprocess_exec(
        str(KUBECTL),
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(PATIENCE):
        printed, _ = await process.communicate(given.encode())
    return process.returncode or 0, printed.decode()


@pytest.mark.skipif(KUBECTL is None, reason="needs kubectl")
async def test_kubectl(cluster: Cluster, tmp_path: Path) -> None:
    config = cluster.kubeconfig(tmp_path)
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", **workload("web", replicas=1)}
    for arguments, expected, given in (
        (("version",), "Server Version: v1.36.0+simulated", ""),
        (
            ("api-resources", "--api-group=apps"),
            "deployments    deploy       apps/v1      true         Deployment",
            "",
        ),
        (("get", "deploy,pods", "-l", "agent=refund-1"), "deployment.apps/refund-1   2/2     2            2", ""),
        (("get", "nodes", "-o", "name"), "node/node-1\nnode/node-2\nnode/node-3", ""),
        (("apply", "-f", "-"), "deployment.apps/web created", json.dumps(manifest)),
        (("annotate", "deploy/refund-1", "a=b"), "deployment.apps/refund-1 annotated", ""),
        (("patch", "deploy/refund-1", "-p", '{"spec":{"replicas":3}}'), "deployment.apps/refund-1 patched", ""),
        (("scale", "deploy/refund-1", "--current-replicas=3", "--replicas=0"), "deployment.apps/refund-1 scaled", ""),
        (("auth", "can-i", "patch", "deployments/scale"), "yes", ""),
        (("auth", "whoami"), "oncall@simulator", ""),
        (("delete", "deploy", "web", "--timeout=10s"), 'deployment.apps "web" deleted', ""),
    ):
        code, printed = await kubectl(config, *arguments, given=given)
        assert expected in printed
        assert code == 0
    assert (await cluster.get("/apis/apps/v1/namespaces/agents/deployments/refund-1"))["spec"]["replicas"] == 0
    code, printed = await kubectl(config, "get", "deploy", "absent")
    assert (code, printed.strip()) == (1, 'Error from server (NotFound): deployments.apps "absent" not found')
