"""The ways in which a platform fails, as the matrix names them. What each does on the wire is in ``relay.py``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Blow(StrEnum):
    """What happens to one request."""

    LATENCY = "latency"
    """The request waits so long on its way, or its answer does: the other one each time."""
    STATUS = "status"
    RESET = "reset"
    """The connection drops instead of an answer."""
    RESET_AFTER = "reset after apply"
    HALF = "half an answer"
    MALFORMED = "malformed"
    """JSON or XML that ends in the middle, under a length that is right."""
    WRONG_TYPE = "wrong content type"
    """A login page, with status 200."""
    HANG = "hang"
    """No answer ever, also when the fault is over: whoever asked has to give up."""
    TLS = "TLS"
    """The port speaks TLS, and refuses."""
    SKEW = "clock skew"
    """The platform's clock is an hour off: AWS takes no signature; elsewhere ``Date`` and the times in answers are."""
    SILENT = "silent stream"
    """Headers come, and nothing after them, ever. Strikes streams only where the operation has one (``STREAMING``)."""
    FLAPPING = "flapping stream"
    """Streams are cut after a moment; of other requests every second one is."""
    NO_NAME = "no name"
    """The platform's name cannot be resolved, and its connections are gone."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One column of the matrix."""

    name: str
    blow: Blow
    seconds: float = 0.0
    status: int = 0
    code: str = ""
    retry_after: float | None = None
    most: int | None = None
    """Strike so often at most; None: as long as the fault lasts."""


STREAMING: Final = frozenset({("kubernetes", "sight"), ("launchdarkly", "sight")})
"""Operations over which their platform pushes; what observes listens to the same stream."""


FAULTS: Final = (
    Fault("latency 0.1 s", Blow.LATENCY, seconds=0.1),
    Fault("latency 5 s", Blow.LATENCY, seconds=5.0, most=6),
    Fault("latency 60 s", Blow.LATENCY, seconds=60.0, most=3),
    Fault("429 with Retry-After", Blow.STATUS, status=429, retry_after=1.0),
    Fault("429", Blow.STATUS, status=429),
    Fault("500", Blow.STATUS, status=500),
    Fault("503", Blow.STATUS, status=503),
    Fault("reset before apply", Blow.RESET),
    Fault("reset after apply", Blow.RESET_AFTER),
    Fault("half an answer", Blow.HALF),
    Fault("malformed answer", Blow.MALFORMED),
    Fault("wrong content type", Blow.WRONG_TYPE),
    Fault("expired token", Blow.STATUS, status=401, code="ExpiredTokenException"),
    Fault("403", Blow.STATUS, status=403),
    Fault("404", Blow.STATUS, status=404),
    Fault("409", Blow.STATUS, status=409),
    Fault("hang", Blow.HANG, most=3),
    Fault("TLS error", Blow.TLS),
    Fault("DNS failure", Blow.NO_NAME),
    Fault("clock an hour ahead", Blow.SKEW, seconds=3600.0),
    Fault("clock an hour behind", Blow.SKEW, seconds=-3600.0),
    Fault("stream silent", Blow.SILENT),
    Fault("stream flapping", Blow.FLAPPING),
)
