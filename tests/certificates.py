"""Certificates for tests: an authority, and what it issues. Elliptic keys, so that making them costs nothing."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as PEM."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Authority:
    """Issues certificates."""

    own: Pair

    @classmethod
    def new(cls) -> Authority:
        return cls(_make("authority", "ks", None))

    def issue(self, common: str, *, organisation: str = "ks") -> Pair:
        """A certificate of a user (common name) in a group (organisation), good for 127.0.0.1 as a server too."""
        return _make(common, organisation, self.own)


def _make(common: str, organisation: str, issuer: Pair | None) -> Pair:
    now = dt.datetime.now(dt.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )
    signer = key if issuer is None else serialization.load_pem_private_key(issuer.key.encode(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    by = name if issuer is None else x509.load_pem_x509_certificate(issuer.certificate.encode()).subject
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(signed.public_bytes(serialization.Encoding.PEM).decode(), secret.decode())
