"""Mirrors of the trail: OpenTelemetry logs over HTTP, and a signed webhook. At least once, in order, with event ids.

A mirror proves nothing (the object store does); it tells others soon. A record that it refuses is noted and passed
over, so that it never holds up the rest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from killswitch_backends.outside import parsed
from killswitch_console.audit.events import Body, Event
from killswitch_console.version import __version__

if TYPE_CHECKING:
    import aiohttp

SECONDS: Final = 10.0
_LATER: Final = frozenset({408, 425, 429})


class Later(Exception):
    """The mirror takes nothing now; the same batch is sent again."""


class Rejected(Exception):
    """The mirror refuses this batch for good (or a part of it, without saying which)."""


class Mirror(Protocol):
    """One sink."""

    @property
    def name(self) -> str:
        """Its row in the table of cursors."""
        ...

    async def send(self, origin: str, events: Sequence[Event]) -> None:
        """Deliver a batch. Raises ``Later`` or ``Rejected``."""
        ...


Secret = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class WebhookMirror:
    """Posts lines of exact event bytes, signed with a shared secret."""

    url: str
    secret: Secret
    http: aiohttp.ClientSession
    name: str = "webhook"

    async def send(self, origin: str, events: Sequence[Event]) -> None:
        """See ``Mirror``."""
        body = b"".join(event.body + b"\n" for event in events)
        at = str(int(time.time()))
        signature = hmac.new((await self.secret()).encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/x-ndjson",
            "Idempotency-Key": f"{origin}:{events[0].seq}-{events[-1].seq}",
            "X-Killswitch-Timestamp": at,
            "X-Killswitch-Signature": f"sha256={signature}",
        }
        await _post(self.http, self.url, body, headers)


@dataclass(frozen=True, slots=True)
class OtlpMirror:
    """Posts OpenTelemetry log records as JSON; ``log.record.uid`` lets a receiver drop what came twice."""

    url: str
    token: Secret | None
    http: aiohttp.ClientSession
    name: str = "otlp"

    async def send(self, origin: str, events: Sequence[Event]) -> None:
        """See ``Mirror``."""
        headers = {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {await self.token()}"
        records = {
            "resourceLogs": [
                {
                    "resource": {"attributes": _attributes({"service.name": "killswitch-console"})},
                    "scopeLogs": [
                        {
                            "scope": {"name": origin, "version": __version__},
                            "logRecords": [_record(event) for event in events],
                        }
                    ],
                }
            ]
        }
        answer = await _post(self.http, self.url.rstrip("/") + "/v1/logs", json.dumps(records).encode(), headers)
        if _rejected(answer):
            raise Rejected("the receiver rejected some of the records")


def _rejected(answer: bytes) -> bool:
    """Whether a partial success left records out (it does not say which)."""
    try:
        partial = parsed(answer or b"{}").get("partialSuccess") or {}
        return int(partial.get("rejectedLogRecords") or 0) > 0
    except (ValueError, OverflowError, AttributeError, TypeError):
        return False


def _record(event: Event) -> dict[str, Any]:
    body: Body = event.fields
    nanoseconds = str(int(datetime.fromisoformat(body["at"]).timestamp() * 1_000_000) * 1000)
    named = {
        "log.record.uid": body["id"],
        "killswitch.seq": str(event.seq),
        "killswitch.actor": body["actor"],
        "killswitch.session": body["session"],
        "killswitch.halt": body["halt"],
        "killswitch.incident": body["incident"],
    }
    security = body["kind"] in ("halt.confirmed", "restore.confirmed", "audit.alarm", "target.revived")
    return {
        "timeUnixNano": nanoseconds,
        "observedTimeUnixNano": str(time.time_ns()),
        "severityNumber": 13 if security else 9,
        "severityText": "WARN" if security else "INFO",
        "eventName": f"killswitch.{body['kind']}",
        "body": {"stringValue": event.body.decode()},
        "attributes": _attributes({key: value for key, value in named.items() if value is not None}),
    }


def _attributes(named: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in named.items()]


async def _post(http: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]) -> bytes:
    import aiohttp

    try:
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        async with http.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False) as answer:
            text = await answer.content.read(65536)
            if answer.status < 300:
                return text
            if answer.status >= 500 or answer.status in _LATER or answer.status in (401, 403):
                raise Later(f"{url}: {answer.status}")
            raise Rejected(f"{url}: {answer.status}")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Later(f"{url}: {error!r}") from error
