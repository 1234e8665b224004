"""How long a kubeconfig's credentials last: the client certificate's end, or what a bearer token says of itself.

Nothing is asked of the cluster, and no token is verified: its own words about its time are all that is read.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from killswitch_backends.ages import Age
from killswitch_backends.outside import parsed

_TODO = "use a client certificate or tokens that end by themselves"


async def ages(certificate: str | None, token: str | None, *, renewed_by: str) -> Sequence[Age]:
    """See ``ages.TellsAges``.

    Args:
        certificate: the file of the client certificate, if there is one.
        token: the bearer token, if there is one.
        renewed_by: what renews them by itself; may be empty.
    """
    if renewed_by:
        return [Age(what="its credentials", renewed_by=renewed_by)]
    found = []
    if certificate is not None:
        found.append(await asyncio.to_thread(_of_certificate, certificate))
    if token:
        found.append(_of_token(token))
    return found or [
        Age(what="its credentials", unknown="neither a client certificate nor a token is used", todo=_TODO)
    ]


def _of_certificate(path: str) -> Age:
    from cryptography import x509

    what = "client certificate"
    try:
        read = x509.load_pem_x509_certificate(Path(path).read_bytes())
    except (OSError, ValueError):
        return Age(what=what, unknown="it cannot be read")
    return Age(what=what, made_at=read.not_valid_before_utc, expires_at=read.not_valid_after_utc)


def _of_token(token: str) -> Age:
    claims = _claims(token.removeprefix("Bearer ").strip())
    made, end = _moment(claims.get("iat")), _moment(claims.get("exp"))
    if made is None and end is None:
        return Age(what="bearer token", unknown="it does not tell when it was made, nor when it ends", todo=_TODO)
    return Age(what="bearer token", made_at=made, expires_at=end)


def _claims(token: str) -> Mapping[str, Any]:
    """The claims of a JSON web token, unverified; none of any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = parsed(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:  # binascii.Error is one
        return {}
    return found if isinstance(found, dict) else {}


def _moment(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float) or not 0 < seconds < 253_370_764_800:
        return None
    return datetime.fromtimestamp(seconds, UTC)
