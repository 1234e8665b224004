"""Break-glass into a cluster: a client certificate, shown to a real TLS server, with its key in no file."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from killswitch_backends.emergency import EmergencyCredential
from killswitch_backends.kubernetes.kind import KIND
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_backends.protocol import LabelKeys, Surroundings

NOW = dt.datetime.now(dt.UTC)


def certificate(
    common: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
) -> tuple[str, str]:
    """A certificate and its key, as PEM: an authority's own, or issued by one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ks"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer[0].subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(hours=1))
        .not_valid_after(NOW + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    signed = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return signed.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


@asynccontextmanager
async def cluster(tmp: Path, authority: str, pair: tuple[str, str]) -> AsyncIterator[str]:
    """A TLS server that takes no one without a certificate of the authority, and says who came."""
    (tmp / "server.pem").write_text("".join(pair))
    (tmp / "authority.pem").write_text(authority)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp / "authority.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as an API server does: by default Python 3.13 asks for more
    context.load_cert_chain(str(tmp / "server.pem"))

    async def review(request: web.Request) -> web.Response:
        assert request.transport is not None
        subject = request.transport.get_extra_info("peercert")["subject"]
        name = next(value for part in subject for key, value in part if key == "commonName")
        return web.json_response({"status": {"userInfo": {"username": name, "groups": ["ks"]}}})

    app = web.Application()
    app.router.add_post("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_the_certificate_opens_the_cluster_and_its_key_is_in_no_file(tmp_path: Path) -> None:
    authority, authority_key = certificate("authority")
    issuer_key = serialization.load_pem_private_key(authority_key.encode(), None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    issuer = (x509.load_pem_x509_certificate(authority.encode()), issuer_key)
    client, key = certificate("break-glass", issuer)
    lent: list[int] = []

    def lend(name: str, text: str) -> Path:
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
        lent.append(descriptor)
        os.write(descriptor, text.encode())
        return Path(f"/proc/self/fd/{descriptor}")

    async def no_secret(_: str) -> str:
        raise AssertionError("no everyday secret is needed")

    before = {path for path in Path("/tmp").iterdir()}  # noqa: ASYNC240, C416 - where the official loader puts files
    async with cluster(tmp_path, authority, certificate("server", issuer)) as server:
        fields = {"server": server, "certificate": client, "key": key, "authority": authority}
        credential = EmergencyCredential(kind="kubernetes-certificate", fields=fields)
        surroundings = Surroundings("test", LabelKeys(), no_secret, lambda: NOW)
        normal = KubernetesSettings(name="prod", kubeconfig="/nonexistent", context="login")
        settings, changed = KIND.with_emergency(normal, surroundings, credential, lend)  # type: ignore[attr-defined]
        async with KIND.open(settings, changed) as backend:
            who = await backend.identity()
            assert (who.name, who.related) == ("break-glass", ("ks",))
    secret = key.splitlines()[1].encode()
    written = [path for path in Path("/tmp").iterdir() if path not in before and path.is_file()]  # noqa: ASYNC240
    assert [path for path in written if secret in await asyncio.to_thread(path.read_bytes)] == []
    for descriptor in lent:
        os.close(descriptor)
