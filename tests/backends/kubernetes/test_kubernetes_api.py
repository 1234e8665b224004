"""Requests as they go over the wire: TLS with client certificates, renewal after a 401, proxies, attempts."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from killswitch_backends.kubernetes.api import Api, backoff
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_backends.problems import Refused, Unreachable
from kubernetes_table import agent, opened, table_of, target
from simulated import running


class Authority:
    """A certificate authority that issues for 127.0.0.1."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), _name("authority")
        self.certificate = self._signed(self._name, self._key, authority=True)
        self.file = self._write("ca.pem", self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, common_name: str) -> tuple[Path, Path]:
        """Files of a new certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(_name(common_name), key, authority=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = certificate.public_bytes(serialization.Encoding.PEM)
        return self._write(f"{common_name}.pem", public), self._write(f"{common_name}.key", private)

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=authority,
            crl_sign=authority,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(address, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _write(self, name: str, content: bytes) -> Path:
        path = self._directory / name
        path.write_bytes(content)
        return path


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


@asynccontextmanager
async def _served(handler: Any, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield f"{'https' if context else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _api(tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any]) -> AsyncIterator[Api]:
    config = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": cluster}],
        "users": [{"name": "x", "user": user}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    api = Api(KubernetesSettings(name="prod", kubeconfig=str(path)), "kubernetes:prod")
    try:
        yield api
    finally:
        await api.close()


async def test_a_client_certificate_says_who_we_are(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED

    async def who(request: web.Request) -> web.Response:
        assert request.transport is not None
        subject = request.transport.get_extra_info("peercert")["subject"]
        return web.json_response({"subject": subject[0][0][1], "agent": request.headers["User-Agent"]})

    certificate, key = authority.issue("oncall")
    async with _served(who, context) as url:
        cluster = {"server": url, "certificate-authority": str(authority.file)}
        user = {"client-certificate": str(certificate), "client-key": str(key)}
        async with _api(tmp_path, cluster, user) as api:
            assert await api.get("/api") == {"subject": "oncall", "agent": "killswitch-console"}
        async with _api(tmp_path, {"server": url}, user) as api:
            with pytest.raises(Unreachable, match=r"(?i)certificate"):
                await api.get("/api")


async def test_a_token_that_was_renewed_in_its_file_is_used_after_a_401(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")

    async def answer(request: web.Request) -> web.Response:
        if request.headers["Authorization"] != "Bearer new":
            token.write_text("new")
            return web.json_response({"message": "expired"}, status=401)
        return web.json_response({"well": True})

    async with _served(answer) as url, _api(tmp_path, {"server": url}, {"tokenFile": str(token)}) as api:
        assert await api.get("/api") == {"well": True}


async def test_a_proxy_variable_does_not_apply_to_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({})

    async with _served(answer) as url, _api(tmp_path, {"server": url}, {"token": "x"}) as api:
        assert await api.get("/api") == {}


async def test_reads_try_again_and_changes_do_not() -> None:
    async with running(specs=[agent("refund-1")]) as sim:
        api = Api(KubernetesSettings.model_validate(table_of(sim)), "kubernetes:sim")
        path = "/apis/apps/v1/namespaces/payments/deployments/refund-1"
        try:
            sim.faults.add(operation="kubernetes.get.deployments", kind="throttle", retry_after=0, count=2)
            assert (await api.get(path, attempts=3))["metadata"]["name"] == "refund-1"
            sim.faults.add(operation="kubernetes.patch.deployments", kind="error", status=503)
            with pytest.raises(Unreachable):
                await api.patch(path, [], where="here")
            assert sim.counts()["kubernetes.patch.deployments"] == 1
        finally:
            await api.close()


async def test_an_answer_that_is_no_json_is_unreachable(tmp_path: Path) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="<html>sign in</html>")

    async with _served(answer) as url, _api(tmp_path, {"server": url}, {"token": "x"}) as api:
        with pytest.raises(Unreachable, match="not JSON"):
            await api.get("/api")


@pytest.mark.parametrize(("seconds", "expected"), [(0.2, Unreachable), (30.0, TimeoutError)], ids=["late", "cancelled"])
async def test_an_answer_that_never_ends_gives_its_connection_up(
    tmp_path: Path, seconds: float, expected: type[Exception]
) -> None:
    gone = asyncio.Event()

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        assert await reader.read() == b""
        gone.set()
        writer.close()

    async with await asyncio.start_server(half, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with _api(tmp_path, {"server": f"http://127.0.0.1:{port}"}, {"token": "x"}) as api:
            await api.credentials()
            with pytest.raises(expected):
                async with asyncio.timeout(1):
                    await api.get("/api", seconds=seconds)
            async with asyncio.timeout(5):
                await gone.wait()
    assert gone.is_set()


async def test_two_tables_of_one_cluster_fail_alone() -> None:
    async with running(specs=[agent("refund-1")]) as sim:
        broken = sim.tmp / "broken"
        broken.write_text("contexts: {")
        async with opened(sim) as well, opened(sim, name="other", kubeconfig=str(broken)) as ill:
            with pytest.raises(Refused):
                await ill.identity()
            assert (await well.preflight([target("refund-1")]))[0].api_calls == 1


def test_the_wait_doubles_up_to_a_limit_and_honours_the_platform() -> None:
    assert 0.1 < backoff(1) < 0.3
    assert backoff(50) <= 5.0 * 1.3
    assert backoff(1, 9.0) == 9.0
    assert backoff(1, float("inf")) == 60.0
