"""What a break-glass credential must not hang on: the normal identity provider, or what it is there to stop. Pure.

The kinds themselves cannot name an SSO session, a credential process or an exec plugin: what is left to look at is
whose they are, by what they say themselves (``Entry.facts``) and by whom the platforms took them for when they were
last tested (``Entry.identities``). Nothing is unsealed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from killswitch_console.vault.credential import Credential, CredentialError, CredentialKind
from killswitch_console.vault.register import DIGEST, Entry

BEYOND_RBAC = "system:masters"
_SERVICE_ACCOUNT = "system:serviceaccount:"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrounding:
    """What break-glass must be independent of."""

    agent_paths: tuple[str, ...] = ()
    """IAM paths under which agents' roles lie."""
    agent_roles: Mapping[str, str] = field(default_factory=dict)
    """Roles that agents run as, by name, and one agent each."""
    agent_accounts: frozenset[str] = frozenset()
    """AWS accounts in which agents run."""
    everyday: Mapping[str, str] = field(default_factory=dict)
    """Whom each table takes the console for with its everyday credentials."""


def objections(entry: Entry, around: Surrounding, *, compare: bool = True) -> Iterator[str]:
    """Why a credential is not independent; nothing where it is.

    ``compare``: whether ``around.everyday`` is of everyday credentials now, and not of broken glass.
    """
    yield from _of_role(entry.facts.get("role_arn", ""), around)
    account = entry.facts.get("key_account", "")
    role_account = _account(entry.facts.get("role_arn", ""))
    if account and (account == role_account or account in around.agent_accounts):
        yield f"its user is in account {account}, the agents' own: keep it in an emergency account"
    if BEYOND_RBAC in entry.facts.get("groups", "").split(","):
        yield f"its certificate is of {BEYOND_RBAC}: it cannot be limited, nor revoked"
    for backend, name in entry.identities.items():
        yield from _of_identity(backend, name, around, compare=compare)


def _of_role(role: str, around: Surrounding) -> Iterator[str]:
    path = role.partition(":role")[2]
    name = role.rpartition("/")[2]
    if any(path.startswith(prefix) for prefix in around.agent_paths):
        yield f"assumes {role}, an agents' role: halting the agents would lock it out"
    elif role and name in around.agent_roles:
        yield f"assumes {role}, the role of agent {around.agent_roles[name]}: halting it would lock break-glass out"


def _of_identity(backend: str, name: str, around: Surrounding, *, compare: bool) -> Iterator[str]:
    if name.startswith(_SERVICE_ACCOUNT):
        yield f"{backend} takes it for {name}, a service account such as the agents have"
    if "AWSReservedSSO_" in name:
        yield f"{backend} takes it for {name}, a role of IAM Identity Center: it hangs on login"
    if compare and around.everyday.get(backend) == name:
        yield f"{backend} takes it for {name}, as it does the everyday credentials: whoever revokes one revokes both"


def _account(arn: str) -> str:
    return arn.split(":")[4] if arn.count(":") >= 5 else ""


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
