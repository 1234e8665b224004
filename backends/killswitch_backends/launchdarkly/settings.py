"""One ``[[launchdarkly]]`` table of the configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_REFERENCE = re.compile(r"(keyring|env|file):.+")
_KEY = r"^[A-Za-z0-9._-]+$"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


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
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
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
    trigger: Mapping[str, SecretReference] = Field(default_factory=dict)
    """By flag key: where the URL of its ``turnFlagOff`` trigger is kept, for when the REST API refuses or is down.

    The key ``*`` stands for every other flag, with ``{flag}`` in the reference for its key."""
    reports_uri: Address | None = None
    """The board on which agents report the flag versions they evaluated (``killswitch_backends.agent_reports``)."""
    reports_token: SecretReference | None = None

    @model_validator(mode="after")
    def _board_and_token(self) -> LaunchDarklySettings:
        if (self.reports_uri is None) != (self.reports_token is None):
            raise ValueError("reports_uri and reports_token belong together")
        return self
