"""What a break-glass credential must not hang on: the normal identity provider, or what it is there to stop. Pure.

The kinds themselves cannot name an SSO session, a credential process or an exec plugin: what is left to look at is
whose they are. Only what may be known is looked at (``Entry.facts``); nothing is unsealed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime

from killswitch_console.config import Configuration
from killswitch_console.vault.credential import Credential, CredentialError, CredentialKind
from killswitch_console.vault.register import DIGEST, Entry

BEYOND_RBAC = "system:masters"


def facts_of(credential: Credential) -> Mapping[str, str]:
    """What may be known of a credential while it is sealed: whose it is, where it leads. No secret.

    Raises:
        CredentialError: for a certificate that is none.
    """
    fields, digest = credential.fields, {DIGEST: _digest(credential)}
    match credential.kind:
        case CredentialKind.AWS_KEY:
            account = account_of_key(fields["access_key_id"]) or ""
            return {**digest, "role_arn": fields["role_arn"], "key_account": account}
        case CredentialKind.KUBERNETES_CERTIFICATE:
            user, groups, _ = _certificate(fields["certificate"])
            return {**digest, "server": fields["server"], "user": user, "groups": ",".join(groups)}
        case CredentialKind.TRIGGER_URL:
            return {**digest, "flag": fields["flag"]}
        case CredentialKind.LAUNCHDARKLY_TOKEN:
            return digest


def expiry_of(credential: Credential) -> datetime | None:
    """When a credential ends by itself, where it says so. Raises ``CredentialError``."""
    if credential.kind is CredentialKind.KUBERNETES_CERTIFICATE:
        return _certificate(credential.fields["certificate"])[2]
    return None


def objections(entry: Entry, settled: Configuration) -> Iterator[str]:
    """Why a credential is not independent; nothing where it is."""
    facts = entry.facts
    role = facts.get("role_arn", "")
    prefixes = [str(table.settings.path_prefix) for table in settled.backends if table.kind.kind == "iam"]
    path = role.partition(":role")[2]
    if any(prefix != "/" and path.startswith(prefix) for prefix in prefixes):
        yield f"assumes {role}, an agents' role: halting the agents would lock it out"
    account = role.split(":")[4] if role.count(":") >= 5 else ""
    if account and account == facts.get("key_account"):
        yield f"its user is in account {account}, the agents' own: keep it in an emergency account"
    if BEYOND_RBAC in facts.get("groups", "").split(","):
        yield f"its certificate is of {BEYOND_RBAC}: it cannot be limited, nor revoked"


def account_of_key(key_id: str) -> str | None:
    """The account id that AWS encodes in an access key's id since 2019; None for other ids."""
    try:
        number = int.from_bytes(base64.b32decode(key_id[4:].encode())[:6], "big")
    except (binascii.Error, ValueError):
        return None
    return f"{(number & 0x7FFFFFFFFF80) >> 7:012d}" if len(key_id) == 20 else None


def _certificate(pem: str) -> tuple[str, tuple[str, ...], datetime]:
    """User, groups and end of a client certificate, as Kubernetes reads them."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise CredentialError("certificate: is no PEM certificate") from None
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    groups = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    user = str(names[0].value) if names else ""
    return user, tuple(str(group.value) for group in groups), certificate.not_valid_after_utc


def _digest(credential: Credential) -> str:
    """Four bytes that change with the secret: enough to tell two of them apart, of no use for guessing one."""
    content = json.dumps(dict(credential.fields), sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()[:8]
