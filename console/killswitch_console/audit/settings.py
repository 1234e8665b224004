"""The ``[audit]`` tables of the configuration. Pure pydantic: the configuration is read before anything is opened."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

Reference = Annotated[str, Field(pattern=r"^(keyring|env|file):.+")]
"""Where a secret is: ``keyring:NAME``, ``env:NAME``, ``file:PATH``. A literal secret is refused."""

HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class S3(_Table):
    """``[audit.s3]``: a bucket with Object Lock, the authority over what the trail holds."""

    bucket: Annotated[str, Field(min_length=3)]
    prefix: Annotated[str, Field(pattern=r"^[^/\s].*[^/]$|^$")] = "killswitch-console"
    region: str | None = None
    endpoint_url: HttpUrl | None = None
    profile: str | None = None
    credentials_file: str | None = None
    retain_days: PositiveInt = 400
    """How long nobody can remove what was uploaded (Object Lock, compliance mode)."""

    @property
    def url(self) -> str:
        """What to call it."""
        return "/".join(filter(None, (f"s3://{self.bucket}", self.prefix)))


class Otlp(_Table):
    """``[audit.otlp]``: a mirror that takes OpenTelemetry logs over HTTP (``/v1/logs`` is added)."""

    url: HttpUrl
    token: Reference | None = None
    """Sent as ``Authorization: Bearer``."""


class Webhook(_Table):
    """``[audit.webhook]``: a mirror that takes signed batches of events."""

    url: HttpUrl
    secret: Reference
    """Signs each request: ``X-Killswitch-Signature: sha256=HMAC``."""


class Audit(_Table):
    """``[audit]``."""

    path: str | None = None
    """Directory of the trail; default: ``audit`` in ``state_dir``. Relative to the configuration file."""
    key: Reference | None = None
    """The signing key: base64 of 32 bytes; default: one of the trail's own, made when first needed."""
    verifier: str | None = None
    """The public key that ``audit verify`` insists on, ``NAME+HASH+KEY``; default: the one in the directory."""
    bastions: list[str] = []
    """Public keys of other bastions, ``NAME+HASH+KEY``: their trails are believed, for restores and approvals."""
    recording: Literal["strict", "best-effort", "off"] = "best-effort"
    """Recording of the console's screen. Strict: no console without it."""
    asciicast: Literal[2, 3] = 2
    rotate_events: Annotated[int, Field(ge=1000)] = 1_000_000
    """A volume with so many events is followed by a new one at the next session's start."""
    keep_days: PositiveInt | None = None
    """Closed volumes whose last event is older are removed once they are verified and anchored (`audit retire`)."""
    s3: S3 | None = None
    otlp: Otlp | None = None
    webhook: Webhook | None = None

    @property
    def synchronised(self) -> bool:
        """Whether there is anything off this machine that it goes to."""
        return any((self.s3, self.otlp, self.webhook))
