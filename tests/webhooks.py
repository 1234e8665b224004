"""A validating admission webhook that refuses to have Deployments set to zero: on a real API server, a real one.

It serves HTTPS on this machine's loopback; an API server that runs elsewhere cannot ask it, and the test is skipped.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from certificates import Authority
from disposable_cluster import Disposable
from kubernetes_table import Admin
from kubernetes_workloads import NAMESPACE, path

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
NAME = "killswitch-console-test"
WORDS = "\x1b[31mfrozen\x07 until Monday"
"""With what a terminal would obey."""
_KNOWN_SECONDS = 30.0
"""How long an API server may take to hear of a webhook."""


@asynccontextmanager
async def refusing(cluster: Disposable, name: str, folder: Path) -> AsyncIterator[None]:
    """Nobody may set the Deployment of this name to zero."""
    if cluster.sim is None:
        async with _webhook(cluster.admin, name, folder):
            yield
    else:
        message = f'admission webhook "policy.example" denied the request: {WORDS}'
        cluster.sim.faults.add(operation="kubernetes.patch", kind="error", status=403, message=message, count=1)
        yield


@asynccontextmanager
async def _webhook(admin: Admin, name: str, folder: Path) -> AsyncIterator[None]:
    authority = Authority.new()
    issued = authority.issue("webhook")
    pem = folder / "webhook.pem"
    pem.write_text(issued.certificate + issued.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(str(pem))
    app = web.Application()
    app.router.add_post("/{anything:.*}", _judge)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        address = f"https://127.0.0.1:{runner.addresses[0][1]}/judge"
        admin.call("POST", CONFIGURATIONS, _configuration(address, authority.own.certificate, name))
        try:
            await _until_asked(admin, name)
            yield
        finally:
            admin.call("DELETE", f"{CONFIGURATIONS}/{NAME}")
    finally:
        await runner.cleanup()


async def _judge(request: web.Request) -> web.Response:
    review = await request.json()
    asked = review["request"]
    allowed = asked["object"]["spec"]["replicas"] != 0
    verdict = {"uid": asked["uid"], "allowed": allowed, "status": {"code": 403, "message": WORDS}}
    return web.json_response({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": verdict})


def _configuration(address: str, authority: str, name: str) -> dict[str, Any]:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]}
    webhook = {
        "name": "policy.example.com",
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
        "matchConditions": [{"name": "this-one", "expression": f'object.metadata.name == "{name}"'}],
        "clientConfig": {"url": address, "caBundle": base64.b64encode(authority.encode()).decode()},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 5,
    }
    return {"metadata": {"name": NAME}, "webhooks": [webhook]}


async def _until_asked(admin: Admin, name: str) -> None:
    """Wait until the API server asks it; skip where it cannot."""
    async with asyncio.timeout(_KNOWN_SECONDS):
        while "frozen" not in (refusal := await asyncio.to_thread(_refusal, admin, name)):
            if "failed calling webhook" in refusal:
                pytest.skip("its API server cannot ask a webhook on this machine's loopback")
            await asyncio.sleep(0.2)


def _refusal(admin: Admin, name: str) -> str:
    """What is said to somebody who would set it to zero; empty: nothing against it."""
    where, zero = f"{path('Deployment', name)}?dryRun=All", {"spec": {"replicas": 0}}
    try:
        admin.call("PATCH", where, zero, content="application/merge-patch+json")
    except AssertionError as refused:
        return str(refused)
    return ""
