"""One ``[[launchdarkly]]`` table of the configuration."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_REFERENCE = re.compile(r"(keyring|env|file):.+")
_KEY = r"^[A-Za-z0-9._-]+$"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def _reference(text: str) -> str:
    """A reference to a secret. The text itself may be the secret, so no message repeats it."""
    if not _REFERENCE.fullmatch(text):
        raise ValueError("expected keyring:NAME, env:NAME or file:PATH; a secret must not be in the file itself")
    return text


def _address(text: str) -> str:
    """An address without a trailing slash; plain http only where nothing leaves the machine."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("expected an address such as https://app.launchdarkly.com")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("http would send the token in the clear; expected https")
    return text.rstrip("/")


SecretReference = Annotated[str, AfterValidator(_reference)]
Address = Annotated[str, AfterValidator(_address)]


class LaunchDarklySettings(BaseModel):
    """Which flags, where, and by which credentials."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[^/:\s]+$")]
    project: Annotated[str, Field(pattern=_KEY)]
    environment: Annotated[str, Field(pattern=_KEY)]
    tag: Annotated[str, Field(min_length=1)] = "agent"
    """Flags that carry this tag gate agents."""
    token: SecretReference
    """An access token that may read the project and change flags (``updateOn``, ``updateFlagCustomProperties``)."""
    sdk_key: SecretReference
    """The environment's server-side SDK key, for the observer."""
    base_uri: Address = "https://app.launchdarkly.com"
    """The REST API."""
    stream_uri: Address = "https://stream.launchdarkly.com"
    """Where SDKs stream from; a Relay Proxy's address proves what its clients are served."""
    events_uri: Address = "https://events.launchdarkly.com"
    """Where SDKs send events. The observer sends none: it must not count as a user of the flags."""
