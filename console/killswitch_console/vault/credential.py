"""Break-glass credentials: what kinds there are, which fields each has, and how a bundle of them becomes bytes.

A bundle is what one vault holds. It exists in the clear only in one bytearray and in what is made from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class CredentialKind(StrEnum):
    """What a credential is. Only kinds that do not hang on the normal identity provider."""

    AWS_KEY = "aws-key"
    """An IAM user's access key that may only assume the halt role."""
    KUBERNETES_CERTIFICATE = "kubernetes-certificate"
    """A client certificate for one cluster."""
    LAUNCHDARKLY_TOKEN = "launchdarkly-token"  # noqa: S105  (a kind's name)
    TRIGGER_URL = "trigger-url"
    """A flag trigger of LaunchDarkly: one flag, one environment, one action."""


FIELDS: Mapping[CredentialKind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    CredentialKind.AWS_KEY: (("access_key_id", "secret_access_key", "role_arn"), ("external_id", "region")),
    CredentialKind.KUBERNETES_CERTIFICATE: (("server", "certificate", "key"), ("authority",)),
    CredentialKind.LAUNCHDARKLY_TOKEN: (("token",), ()),
    CredentialKind.TRIGGER_URL: (("url", "flag"), ()),
}
"""The fields that a credential of each kind must have, and those it may have."""

SECRET_FIELDS: Mapping[CredentialKind, tuple[str, ...]] = {
    CredentialKind.AWS_KEY: ("secret_access_key",),
    CredentialKind.KUBERNETES_CERTIFICATE: ("key",),
    CredentialKind.LAUNCHDARKLY_TOKEN: ("token",),
    CredentialKind.TRIGGER_URL: ("url",),
}
"""The fields that must never show; the others say whose it is and where it leads."""

BACKENDS: Mapping[CredentialKind, tuple[str, ...]] = {
    CredentialKind.AWS_KEY: ("lambda", "iam"),
    CredentialKind.KUBERNETES_CERTIFICATE: ("kubernetes",),
    CredentialKind.LAUNCHDARKLY_TOKEN: ("launchdarkly",),
    CredentialKind.TRIGGER_URL: ("launchdarkly",),
}
"""The kinds of backend that a credential can open."""


class CredentialError(ValueError):
    """Something is not a credential; says what is missing, never what is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One break-glass credential, in the clear."""

    name: str
    kind: CredentialKind
    backends: tuple[str, ...]
    """The tables it opens: ``lambda:prod``, ``iam:prod``."""
    fields: Mapping[str, str] = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What of it must never show."""
        return tuple(self.fields[key] for key in SECRET_FIELDS[self.kind])

    def __post_init__(self) -> None:
        needed, optional = FIELDS[self.kind]
        missing = [key for key in needed if not self.fields.get(key)]
        unknown = sorted(set(self.fields) - {*needed, *optional})
        if missing or unknown:
            wrong = [f"{key} is missing" for key in missing] + [f"{key} is not known" for key in unknown]
            raise CredentialError(f"{self.kind}: {', '.join(wrong)} (needs {', '.join(needed)})")
        for backend in self.backends:
            if backend.partition(":")[0] not in BACKENDS[self.kind]:
                raise CredentialError(f"{self.kind} cannot open {backend}")


def bundled(credentials: Iterable[Credential]) -> bytearray:
    """Some credentials as the bytes that a vault seals. Wipe them after use."""
    listed = [
        {"name": c.name, "kind": str(c.kind), "backends": list(c.backends), "fields": dict(c.fields)}
        for c in credentials
    ]
    return bytearray(json.dumps({"v": 1, "credentials": listed}).encode())


def unbundled(content: bytes | bytearray) -> tuple[Credential, ...]:
    """The credentials of a bundle.

    Raises:
        CredentialError: when it is no bundle of ours.
    """
    try:
        listed = json.loads(content)["credentials"]
        return tuple(
            Credential(
                name=str(one["name"]),
                kind=CredentialKind(one["kind"]),
                backends=tuple(map(str, one["backends"])),
                fields={str(key): str(value) for key, value in one["fields"].items()},
            )
            for one in listed
        )
    except CredentialError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CredentialError("the vault's content is not a bundle of credentials") from None


def wipe(content: bytearray) -> None:
    """Overwrite a secret in place."""
    content[:] = bytes(len(content))
